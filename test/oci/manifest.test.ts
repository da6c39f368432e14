import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metadataLimits } from "../../src/oci/limits.ts";
import { children, parseManifest } from "../../src/oci/manifest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import {
  brokenSomehow,
  bytesOf,
  config,
  image,
  images,
  index,
  indexes,
  layer,
  onlyLadingErrors,
  SHA256,
} from "./documents.ts";

const malformed = expect.objectContaining({ code: "malformed" });
const unsupported = expect.objectContaining({ code: "unsupported" });
const parse = (document: unknown, mediaType?: string) =>
  parseManifest(bytesOf(document), { mediaType });

describe("a manifest", () => {
  it.each([
    ["OCI", image, "image"],
    ["OCI without a media type, as 1.0 lets it be", { ...image, mediaType: undefined }, "image"],
    [
      "docker's schema 2",
      {
        ...image,
        mediaType: mediaTypes.dockerManifest,
        config: { ...config, mediaType: mediaTypes.dockerConfig },
      },
      "image",
    ],
    ["without layers", { ...image, layers: [] }, "image"],
    [
      "with null for what a Go writer left out",
      { ...image, layers: null, annotations: null, subject: null },
      "image",
    ],
    [
      "an artifact in an image manifest",
      {
        ...image,
        artifactType: "application/vnd.example",
        config: { ...config, mediaType: mediaTypes.ociEmpty, data: "e30=" },
      },
      "image",
    ],
    ["an index", index, "index"],
    ["an empty index", { ...index, manifests: [] }, "index"],
    ["docker's list", { ...index, mediaType: mediaTypes.dockerList }, "index"],
    [
      "an artifact manifest of the release candidate",
      { mediaType: mediaTypes.ociArtifact, artifactType: "a/b", blobs: [layer] },
      "artifact",
    ],
  ])("is read: %s", (_what, document, kind) => {
    expect(parse(document).kind).toBe(kind);
  });

  it("keeps its bytes, and what lading does not know", () => {
    const bytes = bytesOf(
      `  ${JSON.stringify({ ...image, "org.example.new": { x: 1 } }, null, 3)}\n`,
    );
    expect(parseManifest(bytes).bytes).toBe(bytes);
  });

  it("says its subject, artifact type and annotations", () => {
    const subject = { mediaType: mediaTypes.ociManifest, digest: SHA256, size: 9 };
    const parsed = parse({ ...image, subject, artifactType: "a/b", annotations: { a: "b" } });
    expect(parsed).toMatchObject({ subject, artifactType: "a/b", annotations: { a: "b" } });
  });

  it("leads to its children in order, repeated ones too", () => {
    const digests = ["b", "a", "b"].map((digit) => `sha256:${digit.repeat(64)}`);
    const layers = digests.map((digest) => ({ ...layer, digest }));
    expect(children(parse({ ...image, layers })).map(({ digest }) => digest)).toEqual([
      config.digest,
      ...digests,
    ]);
  });
});

describe("a document that two readers could take for two things (CVE-2021-41190)", () => {
  it.each([
    ["manifests and layers", { ...image, manifests: [] }],
    ["manifests and a config", { ...index, config }],
    ["manifests and blobs", { ...index, blobs: [] }],
    ["layers and blobs", { ...image, blobs: [] }],
    ["an index that calls itself an image", { ...index, mediaType: mediaTypes.ociManifest }],
    ["an image that calls itself an index", { ...image, mediaType: mediaTypes.ociIndex }],
  ])("is refused: %s", (_what, document) => {
    expect(() => parse(document)).toThrow(malformed);
  });

  it.each([
    ["an index announced as an image", index, mediaTypes.ociManifest],
    ["an image announced as an index", image, mediaTypes.ociIndex],
    [
      "docker's announced as OCI's",
      { ...image, mediaType: mediaTypes.dockerManifest },
      mediaTypes.ociManifest,
    ],
    [
      "an index without a type, announced as an image",
      { ...index, mediaType: undefined },
      mediaTypes.ociManifest,
    ],
  ])("is refused when it came as another: %s", (_what, document, announced) => {
    expect(() => parse(document, announced)).toThrow(malformed);
  });

  it.each([
    undefined,
    "",
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "application/octet-stream",
  ])("decides itself when it came as %j", (announced) => {
    expect(parse(index, announced).kind).toBe("index");
    expect(parse(image, announced).kind).toBe("image");
  });

  it("may carry parameters and capitals in its Content-Type", () => {
    expect(parse(image, `${mediaTypes.ociManifest.toUpperCase()}; charset=utf-8`).kind).toBe(
      "image",
    );
  });
});

describe("a manifest that is refused", () => {
  it.each([
    ["schema 1", { schemaVersion: 1, fsLayers: [], history: [] }, undefined],
    ["schema 1, signed, by its Content-Type", { schemaVersion: 1 }, mediaTypes.dockerSchema1Signed],
    ["schema 1 that calls itself schema 2", { schemaVersion: 2, fsLayers: [] }, undefined],
    [
      "a type that nobody knows",
      { ...image, mediaType: "application/vnd.example+json" },
      undefined,
    ],
  ])("for what it is: %s", (_what, document, announced) => {
    expect(() => parse(document, announced)).toThrow(unsupported);
  });

  it.each([
    ["no object", "[]"],
    ["no manifest", { hello: "world" }],
    ["schemaVersion 3", { ...image, schemaVersion: 3 }],
    ["no schemaVersion", { ...image, schemaVersion: undefined }],
    ["no config", { ...image, config: undefined }],
    ["layers that are no list", { ...image, layers: {} }],
    ["a layer that is no descriptor", { ...image, layers: ["sha256:x"] }],
    ["annotations that are no strings", { ...image, annotations: { a: 1 } }],
    ["a subject that is no descriptor", { ...image, subject: "x" }],
    ["a web page", "<!doctype html>"],
  ])("for what it holds: %s", (_what, document) => {
    expect(() => parse(document)).toThrow(malformed);
  });

  it("for its size, and for the number of its layers", () => {
    const tooLarge = expect.objectContaining({ code: "limit-exceeded" });
    const layers = Array.from({ length: metadataLimits.children + 1 }, () => layer);
    expect(() => parse({ ...image, layers })).toThrow(tooLarge);
    expect(() => parseManifest(new Uint8Array(metadataLimits.manifest + 1))).toThrow(tooLarge);
  });
});

describe("any manifest", () => {
  it.each([
    ["image", images],
    ["index", indexes],
  ] as const)(
    "that is a valid %s is read, with its descriptors as they stand",
    (kind, documents) => {
      fc.assert(
        fc.property(documents, (document) => {
          const parsed = parse(document);
          expect(parsed.kind).toBe(kind);
          const listed = (document.layers ?? document.manifests) as {
            digest: string;
            size: number;
          }[];
          const found = children(parsed).slice(kind === "image" ? 1 : 0);
          expect(found.map(({ digest, size }) => ({ digest, size }))).toEqual(
            listed.map(({ digest, size }) => ({ digest, size })),
          );
          expect(Buffer.from(parsed.bytes).toString()).toBe(JSON.stringify(document));
        }),
      );
    },
  );

  it.each([
    ["image", images],
    ["index", indexes],
  ] as const)(
    "that is a broken %s is read, or refused with one clear error",
    (_kind, documents) => {
      const announced = fc.constantFrom(undefined, ...Object.values(mediaTypes));
      fc.assert(
        fc.property(brokenSomehow(documents), announced, (bytes, mediaType) => {
          onlyLadingErrors(() => parseManifest(bytes, { mediaType }));
        }),
        { numRuns: 1000 },
      );
    },
  );
});
