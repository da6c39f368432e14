import fc from "fast-check";
import { expect } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";

export const SHA256: string = `sha256:${"a".repeat(64)}`;

export const bytesOf = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

type Json = Readonly<Record<string, unknown>>;
interface PlainDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export const layer: PlainDescriptor = {
  mediaType: mediaTypes.ociLayerGzip,
  digest: SHA256,
  size: 3,
};
export const config: PlainDescriptor = {
  mediaType: mediaTypes.ociConfig,
  digest: `sha256:${"c".repeat(64)}`,
  size: 2,
};

export const image: Json = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config,
  layers: [layer],
};

export const index: Json = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [{ mediaType: mediaTypes.ociManifest, digest: SHA256, size: 4 }],
};

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""));

export const digests: fc.Arbitrary<string> = fc.oneof(
  hex(64).map((value) => `sha256:${value}`),
  hex(96).map((value) => `sha384:${value}`),
  hex(128).map((value) => `sha512:${value}`),
);

const annotations = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });

export const descriptors = (...types: string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(
    {
      mediaType: fc.constantFrom(...types),
      digest: digests,
      size: fc.nat(),
      annotations,
      urls: fc.array(fc.webUrl(), { maxLength: 2 }),
      platform: fc.record({
        os: fc.constantFrom("linux", "windows", ""),
        architecture: fc.constantFrom("amd64", "arm64", ""),
      }),
      "org.example.unknown": fc.jsonValue(),
    },
    { requiredKeys: ["mediaType", "digest", "size"] },
  );

export const images: fc.Arbitrary<Record<string, unknown>> = fc.record(
  {
    schemaVersion: fc.constant(2),
    mediaType: fc.constant(mediaTypes.ociManifest),
    config: descriptors(mediaTypes.ociConfig, mediaTypes.ociEmpty),
    layers: fc.array(descriptors(mediaTypes.ociLayer, mediaTypes.ociLayerZstd), { maxLength: 5 }),
    artifactType: fc.constant("application/vnd.example+json"),
    subject: descriptors(mediaTypes.ociManifest),
    annotations,
    unknown: fc.jsonValue(),
  },
  { requiredKeys: ["schemaVersion", "config", "layers"] },
);

export const indexes: fc.Arbitrary<Record<string, unknown>> = fc.record(
  {
    schemaVersion: fc.constant(2),
    mediaType: fc.constant(mediaTypes.ociIndex),
    manifests: fc.array(descriptors(mediaTypes.ociManifest, mediaTypes.ociIndex), { maxLength: 5 }),
    annotations,
    unknown: fc.jsonValue(),
  },
  { requiredKeys: ["schemaVersion", "mediaType", "manifests"] },
);

export const configs: fc.Arbitrary<Record<string, unknown>> = fc.record(
  {
    os: fc.constantFrom("linux", "windows"),
    architecture: fc.constantFrom("amd64", "arm64"),
    created: fc.constant("2023-11-14T22:13:20Z"),
    config: fc.record(
      {
        User: fc.string(),
        Env: fc.array(fc.string()),
        Entrypoint: fc.option(fc.array(fc.string())),
        Cmd: fc.array(fc.string()),
        Labels: fc.option(fc.dictionary(fc.string(), fc.string())),
        ExposedPorts: fc.dictionary(fc.string(), fc.constant({})),
        StopSignal: fc.constant("SIGTERM"),
      },
      { requiredKeys: [] },
    ),
    rootfs: fc.record({ type: fc.constant("layers"), diff_ids: fc.array(digests) }),
    history: fc.array(fc.record({ created_by: fc.string(), empty_layer: fc.boolean() })),
  },
  { requiredKeys: ["rootfs"] },
);

/** Whatever is done to a document's bytes: it is read, or refused with one clear error. */
export function brokenSomehow(
  documents: fc.Arbitrary<Record<string, unknown>>,
): fc.Arbitrary<Uint8Array> {
  const byte = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.nat(255) });
  const changed = fc
    .tuple(documents, fc.array(byte, { minLength: 1, maxLength: 4 }))
    .map(([document, changes]) => {
      const bytes = Buffer.from(JSON.stringify(document));
      for (const { at, value } of changes) bytes[Math.floor(at * (bytes.length - 1))] = value;
      return bytes;
    });
  const replaced = fc
    .tuple(documents, fc.nat(), fc.option(fc.jsonValue(), { nil: undefined }))
    .map(([document, which, value]) => {
      const paths = pathsIn(document);
      return bytesOf(replacedAt(document, paths[which % paths.length] ?? [], value));
    });
  return fc.oneof(changed, replaced, fc.uint8Array());
}

/** The path of each value in a document, however deep. */
function pathsIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, each]) => pathsIn(each, [...path, key]))];
}

/** The document with another value at a path; without one there, for `undefined`. */
function replacedAt(document: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value ?? null;
  const copy = structuredClone(document) as Record<string, unknown>;
  copy[key] = rest.length === 0 ? value : replacedAt(copy[key], rest, value);
  return copy;
}

/** The error that the work fails with, if it does. Any but lading's own is a fault of lading. */
export function failure(work: () => unknown): LadingError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof LadingError) return error;
    throw error;
  }
}

export function onlyLadingErrors(work: () => unknown): void {
  const error = failure(work);
  if (error !== undefined) expect(error.code).toMatch(/^(malformed|unsupported|limit-exceeded)$/);
}
