import { LadingError } from "../errors.ts";
import type { Descriptor } from "./descriptor.ts";
import { type DiffId, parseDiffId } from "./digest.ts";
import {
  optionalList,
  optionalObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  present,
  requiredString,
  wrong,
} from "./fields.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "./json.ts";
import { metadataLimits } from "./limits.ts";
import type { ImageManifest } from "./manifest.ts";
import { normalizePlatform, type Platform } from "./platform.ts";

/** An image's config (image-spec, config.md): its platform, its layers' diff IDs, how it wants to run. */
export interface ImageConfig {
  readonly platform: Platform;
  /** RFC 3339, as written. */
  readonly created?: string;
  readonly author?: string;
  readonly execution: ExecutionConfig;
  /** Of the uncompressed layers, bottom first. */
  readonly diffIds: readonly DiffId[];
  readonly history: readonly HistoryEntry[];
  /** As they came; never re-serialised. */
  readonly bytes: Uint8Array;
}

/** What a container of this image starts with unless told otherwise. */
export interface ExecutionConfig {
  readonly user?: string;
  readonly env: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workingDir?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly shell?: readonly string[];
  /** Docker's; not in image-spec. */
  readonly healthcheck?: JsonObject;
}

export interface HistoryEntry {
  readonly created?: string;
  readonly createdBy?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly emptyLayer: boolean;
}

const WHERE = "image config";

/**
 * Parses an image config. What decides which bytes make the image is strict (diff IDs, rootfs type,
 * platform); what only describes it is taken as it is, since images with odd entries are in use.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const value = parseJson(bytes, { what: WHERE, maxBytes: metadataLimits.config });
  if (!isObject(value)) throw new LadingError("malformed", `the ${WHERE} is not a JSON object`);
  return {
    platform: parsePlatformFields(value),
    ...present("created", optionalString(value, "created", WHERE)),
    ...present("author", optionalString(value, "author", WHERE)),
    execution: parseExecution(optionalObject(value, "config", WHERE) ?? {}),
    diffIds: parseDiffIds(value),
    history: (optionalList(value, "history", WHERE) ?? []).map(parseHistory),
    bytes,
  };
}

/**
 * Pairs each layer with its diff ID. A config that names more or fewer than the manifest has layers
 * would silently drop some, so it is refused.
 */
export function checkLayers(
  manifest: ImageManifest,
  config: ImageConfig,
): readonly { readonly layer: Descriptor; readonly diffId: DiffId }[] {
  const { layers } = manifest;
  const { diffIds } = config;
  if (layers.length !== diffIds.length) {
    throw new LadingError(
      "malformed",
      `the manifest has ${layers.length} layers but the config names ${diffIds.length} diff IDs`,
      { digest: manifest.config.digest, hint: "the image was published broken; build it again" },
    );
  }
  return layers.flatMap((layer, position) => {
    const diffId = diffIds[position];
    return diffId === undefined ? [] : [{ layer, diffId }];
  });
}

function parsePlatformFields(config: JsonObject): Platform {
  return normalizePlatform({
    // Some builders leave both out for what is Linux on the builder's machine.
    os: optionalString(config, "os", WHERE) || "linux",
    architecture: optionalString(config, "architecture", WHERE) || "unknown",
    ...present("variant", optionalString(config, "variant", WHERE)),
    ...present("osVersion", optionalString(config, "os.version", WHERE)),
    ...present("osFeatures", optionalStrings(config, "os.features", WHERE)),
  });
}

function parseDiffIds(config: JsonObject): readonly DiffId[] {
  const rootfs = optionalObject(config, "rootfs", WHERE);
  if (rootfs === undefined) throw wrong(WHERE, "rootfs", "an object");
  const type = requiredString(rootfs, "type", `${WHERE}, rootfs`);
  // config.md: "Implementations MUST generate an error if they encounter an unknown value".
  if (type !== "layers") {
    const shown = JSON.stringify(type.slice(0, 80));
    throw new LadingError("unsupported", `the ${WHERE} has a root filesystem of type ${shown}`);
  }
  return (optionalStrings(rootfs, "diff_ids", `${WHERE}, rootfs`) ?? []).map(parseDiffId);
}

function parseExecution(config: JsonObject): ExecutionConfig {
  const where = `${WHERE}, config`;
  return {
    ...present("user", optionalString(config, "User", where)),
    env: optionalStrings(config, "Env", where) ?? [],
    ...present("entrypoint", commandLine(config, "Entrypoint", where)),
    ...present("cmd", commandLine(config, "Cmd", where)),
    ...present("workingDir", optionalString(config, "WorkingDir", where)),
    labels: optionalStringMap(config, "Labels", where) ?? {},
    ...present("stopSignal", optionalString(config, "StopSignal", where)),
    exposedPorts: Object.keys(optionalObject(config, "ExposedPorts", where) ?? {}),
    volumes: Object.keys(optionalObject(config, "Volumes", where) ?? {}),
    ...present("shell", commandLine(config, "Shell", where)),
    ...present("healthcheck", optionalObject(config, "Healthcheck", where)),
  };
}

/** Old builders wrote a command as one string, for a shell. */
function commandLine(
  config: JsonObject,
  key: string,
  where: string,
): readonly string[] | undefined {
  const value = config[key];
  return typeof value === "string" ? [value] : optionalStrings(config, key, where);
}

function parseHistory(value: JsonValue, index: number): HistoryEntry {
  const where = `${WHERE}, history[${index}]`;
  if (!isObject(value)) throw new LadingError("malformed", `${where} is not an object`);
  return {
    ...present("created", optionalString(value, "created", where)),
    ...present("createdBy", optionalString(value, "created_by", where)),
    ...present("author", optionalString(value, "author", where)),
    ...present("comment", optionalString(value, "comment", where)),
    emptyLayer: value.empty_layer === true,
  };
}
