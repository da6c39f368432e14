import { LadingError } from "../errors.ts";
import { type Descriptor, parseDescriptor, parseMediaType } from "./descriptor.ts";
import { optionalList, optionalString, optionalStringMap, present } from "./fields.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { metadataLimits } from "./limits.ts";
import { isIndexType, isManifestType, mediaTypes } from "./media-types.ts";

interface Document {
  readonly mediaType: string;
  /** As they came; never re-serialised. */
  readonly bytes: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly subject?: Descriptor;
}

export interface ImageManifest extends Document {
  readonly kind: "image";
  readonly config: Descriptor;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex extends Document {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

/** The artifact manifest of an image-spec release candidate, which some registries still hold. */
export interface ArtifactManifest extends Document {
  readonly kind: "artifact";
  readonly blobs: readonly Descriptor[];
}

export type Manifest = ImageManifest | ImageIndex | ArtifactManifest;

export interface ParseManifestOptions {
  /** What the descriptor or the Content-Type says that it is. */
  readonly mediaType?: string | undefined;
}

/**
 * Parses a manifest or an index: OCI's, or docker's schema 2. A document that two readers could take
 * for two things is refused (CVE-2021-41190): one that holds `manifests` beside `layers` or `config`,
 * or whose own `mediaType` is not the one it was announced by. A generic Content-Type
 * (`application/json`) defers to the document, and OCI 1.0 lets `mediaType` be absent.
 */
export function parseManifest(bytes: Uint8Array, options: ParseManifestOptions = {}): Manifest {
  const announced = announcedType(options.mediaType);
  refuseSchema1(announced);
  const what = announced !== undefined && isIndexType(announced) ? "index" : "manifest";
  const value = parseJson(bytes, { what, maxBytes: metadataLimits.manifest });
  if (!isObject(value)) throw new LadingError("malformed", `the ${what} is not a JSON object`);
  if (value.schemaVersion === 1) refuseSchema1(mediaTypes.dockerSchema1);
  const mediaType = documentType(value, announced);
  const document: Document = {
    mediaType,
    bytes,
    ...present("annotations", optionalStringMap(value, "annotations", what)),
    ...present("artifactType", artifactType(value)),
    ...present("subject", subject(value)),
  };
  const manifest = withChildren(document, value);
  refuseTwoSizes(children(manifest));
  return manifest;
}

function withChildren(document: Document, value: JsonObject): Manifest {
  const kind = kindOf(document.mediaType);
  if (kind === "index") return { ...document, kind, manifests: descriptors(value, "manifests") };
  if (kind === "artifact") return { ...document, kind, blobs: descriptors(value, "blobs") };
  const config = parseDescriptor(value.config, "image manifest, config");
  return { ...document, kind, config, layers: descriptors(value, "layers") };
}

/** One digest is one content, which has one size: of two one is wrong, and nobody can have both. */
function refuseTwoSizes(named: readonly Descriptor[]): void {
  const sizes = new Map<string, number>();
  for (const { digest, size } of named) {
    const known = sizes.get(digest) ?? size;
    if (known !== size) {
      throw new LadingError(
        "malformed",
        `the manifest gives one digest ${known} and ${size} bytes`,
        {
          digest,
          hint: "the image was published broken; build it again",
        },
      );
    }
    sizes.set(digest, size);
  }
}

/** What a manifest points down to, in the order in which it is read. */
export function children(manifest: Manifest): readonly Descriptor[] {
  switch (manifest.kind) {
    case "image":
      return [manifest.config, ...manifest.layers];
    case "index":
      return manifest.manifests;
    case "artifact":
      return manifest.blobs;
  }
}

function kindOf(mediaType: string): Manifest["kind"] {
  if (isIndexType(mediaType)) return "index";
  return mediaType === mediaTypes.ociArtifact ? "artifact" : "image";
}

/** A Content-Type without its parameters; `undefined` when it says nothing about the document. */
function announcedType(mediaType: string | undefined): string | undefined {
  const type = mediaType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === undefined || type === "" || GENERIC_TYPES.has(type)) return undefined;
  return type;
}

const GENERIC_TYPES: ReadonlySet<string> = new Set([
  "application/json",
  "application/octet-stream",
  "binary/octet-stream",
  "text/plain",
  "text/html",
]);

function documentType(document: JsonObject, announced: string | undefined): string {
  const shape = documentShape(document);
  const own = optionalString(document, "mediaType", "manifest");
  const mediaType = own ?? announced ?? shape;
  if (own !== undefined && announced !== undefined && own !== announced) {
    const shown = [own, announced].map((type) => JSON.stringify(type.slice(0, 100)));
    throw ambiguous(`it calls itself ${shown.join(" but came as ")}`);
  }
  if (!isManifestType(mediaType)) {
    const shown = JSON.stringify(mediaType.slice(0, 100));
    throw new LadingError(
      "unsupported",
      `${shown} is not a manifest or an index that lading knows`,
    );
  }
  if (kindOf(mediaType) !== kindOf(shape)) {
    throw ambiguous(`${mediaType} has the fields of another type`);
  }
  checkVersion(document, mediaType);
  return mediaType;
}

function documentShape(document: JsonObject): string {
  refuseOtherCase(document);
  const has = (key: string): boolean => document[key] !== undefined && document[key] !== null;
  if (has("manifests") && (has("layers") || has("config") || has("blobs"))) {
    throw ambiguous("it holds manifests as well as layers, config or blobs");
  }
  if (has("fsLayers")) refuseSchema1(mediaTypes.dockerSchema1);
  if (has("blobs") && (has("layers") || has("config"))) {
    throw ambiguous("it holds blobs as well as layers or config");
  }
  if (has("manifests")) return mediaTypes.ociIndex;
  if (has("layers") || has("config")) return mediaTypes.ociManifest;
  if (has("blobs")) return mediaTypes.ociArtifact;
  const mediaType = document.mediaType;
  if (typeof mediaType === "string" && isManifestType(mediaType)) return mediaType;
  throw new LadingError("malformed", "the document is neither a manifest nor an index");
}

/** Go reads names of fields in any case, so `Layers` would be layers to other tools and nothing to us. */
function refuseOtherCase(document: JsonObject): void {
  for (const key of Object.keys(document)) {
    const meant = DECIDING_FIELDS.find((name) => name.toLowerCase() === key.toLowerCase());
    if (meant !== undefined && meant !== key) throw ambiguous(`it writes ${meant} as ${key}`);
  }
}

const DECIDING_FIELDS = [
  "schemaVersion",
  "mediaType",
  "manifests",
  "config",
  "layers",
  "blobs",
  "fsLayers",
  "subject",
] as const;

/** The artifact manifest of the release candidate is the one document without a version. */
function checkVersion(document: JsonObject, mediaType: string): void {
  if (document.schemaVersion === 2) return;
  if (mediaType === mediaTypes.ociArtifact && document.schemaVersion === undefined) return;
  throw new LadingError("malformed", "the manifest's schemaVersion is not 2");
}

function artifactType(document: JsonObject): string | undefined {
  const type = optionalString(document, "artifactType", "manifest");
  return type === undefined || type === "" ? undefined : parseMediaType(type, "artifactType");
}

function subject(document: JsonObject): Descriptor | undefined {
  const value = document.subject ?? undefined;
  return value === undefined ? undefined : parseDescriptor(value, "manifest, subject");
}

function descriptors(document: JsonObject, key: string): readonly Descriptor[] {
  const list = optionalList(document, key, "manifest") ?? [];
  if (list.length > metadataLimits.children) {
    throw new LadingError(
      "limit-exceeded",
      `the manifest lists ${list.length} ${key}, more than ${metadataLimits.children}`,
    );
  }
  return list.map((value, index) => parseDescriptor(value, `manifest, ${key}[${index}]`));
}

function refuseSchema1(mediaType: string | undefined): void {
  if (mediaType !== mediaTypes.dockerSchema1 && mediaType !== mediaTypes.dockerSchema1Signed)
    return;
  throw new LadingError(
    "unsupported",
    "the image is in docker's schema 1, which can't be verified",
    {
      hint: "push it again with a tool of this decade: schema 1 was deprecated in 2017",
    },
  );
}

function ambiguous(why: string): LadingError {
  return new LadingError("malformed", `the manifest is ambiguous: ${why}`, {
    hint: "such a document can mean two images to two tools; ask whoever published it (CVE-2021-41190)",
  });
}
