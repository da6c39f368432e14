import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { children, parseManifest } from "../../src/oci/manifest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import {
  brokenSomehow,
  bytesOf,
  config,
  failure,
  image,
  images,
  index,
  indexes,
  layer,
  onlyLadingErrors,
  SHA256,
} from "./documents.ts";

const malformed = expect.objectContaining({ code: "malformed" });
const ambiguous = expect.objectContaining({
  code: "malformed",
  message: expect.stringContaining("ambiguous"),
});
const tooLarge = expect.objectContaining({ code: "limit-exceeded" });
const unsupported = expect.objectContaining({ code: "unsupported" });
const parse = (document: unknown, mediaType?: string) =>
  parseManifest(bytesOf(document), { mediaType });

describe("a manifest", () => {
  it.each([
    ["image", { ...image, layers: [layer, { ...layer, size: layer.size + 1 }] }],
    ["image, whose config is a layer too", { ...image, layers: [{ ...config, size: 7 }] }],
    ["index", { ...index, manifests: [layer, { ...layer, size: layer.size + 1 }] }],
  ])("that gives one digest two sizes is refused: %s", (_, document) => {
    expect(failure(() => parse(document))).toEqual(malformed);
  });

  it("may list one layer twice", () => {
    expect(children(parse({ ...image, layers: [layer, layer] }))).toHaveLength(3);
  });

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
    ["of a config alone", { schemaVersion: 2, config }, "image"],
    ["with null for what it is not", { ...image, manifests: null, blobs: null }, "image"],
    ["an index", index, "index"],
    ["an empty index", { ...index, manifests: [] }, "index"],
    ["docker's list", { ...index, mediaType: mediaTypes.dockerList }, "index"],
    [
      "an artifact manifest of the release candidate",
      { mediaType: mediaTypes.ociArtifact, artifactType: "a/b", blobs: [layer] },
      "artifact",
    ],
    [
      "an artifact manifest with a version",
      { schemaVersion: 2, mediaType: mediaTypes.ociArtifact, blobs: null },
      "artifact",
    ],
    [
      "with a layer that is elsewhere",
      {
        ...image,
        layers: [
          { ...layer, mediaType: mediaTypes.dockerForeignLayer, urls: ["https://example.com/x"] },
        ],
      },
      "image",
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

  it("of an artifact is its blobs, with all that the others have", () => {
    const bytes = bytesOf({
      mediaType: mediaTypes.ociArtifact,
      artifactType: "a/b",
      blobs: [layer],
      subject: config,
      annotations: { a: "b" },
    });
    expect(parseManifest(bytes)).toStrictEqual({
      kind: "artifact",
      mediaType: mediaTypes.ociArtifact,
      artifactType: "a/b",
      blobs: [layer],
      subject: config,
      annotations: { a: "b" },
      bytes,
    });
  });

  it("says its subject, artifact type and annotations", () => {
    const subject = { mediaType: mediaTypes.ociManifest, digest: SHA256, size: 9 };
    const parsed = parse({ ...image, subject, artifactType: "a/b", annotations: { a: "b" } });
    expect(parsed).toMatchObject({ subject, artifactType: "a/b", annotations: { a: "b" } });
  });

  it("leads to its children in order, repeated ones too", () => {
    const digests = ["b", "a", "b"].map((digit) => `sha256:${digit.repeat(64)}`);
    const layers = digests.map((digest) => ({ ...layer, digest }));
    const below = (document: unknown) => children(parse(document)).map(({ digest }) => digest);
    expect(below({ ...image, layers })).toEqual([config.digest, ...digests]);
    expect(below({ ...index, manifests: layers })).toEqual(digests);
    expect(below({ mediaType: mediaTypes.ociArtifact, blobs: layers })).toEqual(digests);
  });

  it("has the empty descriptor of image-spec, with its content in it", () => {
    const empty = { mediaType: mediaTypes.ociEmpty, digest: SHA256, size: 2, data: "e30=" };
    const parsed = parse({ ...image, artifactType: "a/b", config: empty, layers: [empty] });
    for (const { data } of children(parsed)) expect(Buffer.from(data ?? []).toString()).toBe("{}");
  });

  it("is what it was announced as when it does not say", () => {
    const document = { ...image, mediaType: undefined };
    expect(parse(document).mediaType).toBe(mediaTypes.ociManifest);
    expect(parse(document, mediaTypes.dockerManifest).mediaType).toBe(mediaTypes.dockerManifest);
  });

  it("with an empty artifact type has none", () => {
    expect(parse({ ...image, artifactType: "" }).artifactType).toBeUndefined();
  });
});

describe("a document that two readers could take for two things (CVE-2021-41190)", () => {
  it.each([
    ["manifests and layers", { ...image, manifests: [] }],
    ["manifests and a config", { ...index, config }],
    ["manifests and layers alone", { ...index, layers: [] }],
    ["manifests and blobs", { ...index, blobs: [] }],
    ["layers and blobs", { schemaVersion: 2, layers: [], blobs: [] }],
    ["a config and blobs", { ...image, layers: undefined, blobs: [] }],
    [
      "an artifact with layers and no config",
      { mediaType: mediaTypes.ociArtifact, schemaVersion: 2, layers: [layer] },
    ],
    ["an artifact with layers", { ...image, mediaType: mediaTypes.ociArtifact }],
    ["an artifact with manifests", { ...index, mediaType: mediaTypes.ociArtifact }],
    [
      "an image with nothing but blobs",
      { schemaVersion: 2, mediaType: mediaTypes.ociManifest, blobs: [layer] },
    ],
    ["an index that calls itself an image", { ...index, mediaType: mediaTypes.ociManifest }],
    ["layers as Go reads them too, in another case", { ...image, Layers: [] }],
    ["a media type in another case", { ...image, MEDIATYPE: mediaTypes.ociIndex }],
    ["an image that calls itself an index", { ...image, mediaType: mediaTypes.ociIndex }],
  ])("is refused: %s", (_what, document) => {
    expect(() => parse(document)).toThrow(ambiguous);
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
    [
      "an image without a type, announced as an artifact",
      { ...image, mediaType: undefined },
      mediaTypes.ociArtifact,
    ],
    ["an image announced as nothing known", image, "application/vnd.example+json"],
  ])("is refused when it came as another: %s", (_what, document, announced) => {
    expect(() => parse(document, announced)).toThrow(ambiguous);
  });

  it("is refused in a few words, whatever it calls itself", () => {
    const document = { ...image, mediaType: "x".repeat(100_000) };
    for (const announced of [undefined, mediaTypes.ociManifest]) {
      expect(failure(() => parse(document, announced))?.message.length).toBeLessThan(300);
    }
  });

  it.each([
    undefined,
    "",
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "text/html",
    "application/octet-stream",
    "binary/octet-stream",
    " Application/JSON ;charset=utf-8",
  ])("decides itself when it came as %j", (announced) => {
    expect(parse(index, announced).kind).toBe("index");
    expect(parse(image, announced).kind).toBe("image");
  });

  it("may carry parameters and capitals in its Content-Type", () => {
    expect(parse(image, ` ${mediaTypes.ociManifest.toUpperCase()} ; charset=utf-8`).kind).toBe(
      "image",
    );
  });
});

describe("a manifest that is refused", () => {
  it.each([
    ["schema 1", { schemaVersion: 1, fsLayers: [], history: [] }, undefined],
    ["schema 1, signed, by its Content-Type", image, mediaTypes.dockerSchema1Signed],
    ["schema 1, by its Content-Type", image, mediaTypes.dockerSchema1],
    ["schema 1, by its version alone", { ...image, schemaVersion: 1 }, undefined],
    ["schema 1 that calls itself schema 2", { schemaVersion: 2, fsLayers: [] }, undefined],
    [
      "a type that nobody knows",
      { ...image, mediaType: "application/vnd.example+json" },
      undefined,
    ],
    ["one that is not JSON either", "schema 1, signed", mediaTypes.dockerSchema1Signed],
    ["an image announced as such a type", { ...image, mediaType: undefined }, "application/x"],
  ])("for what it is: %s", (_what, document, announced) => {
    expect(() => parse(document, announced)).toThrow(unsupported);
  });

  it.each([
    ["no object", "[]"],
    ["no manifest", { hello: "world" }],
    ["nothing but a type", { schemaVersion: 2, mediaType: "application/x" }],
    ["null", "null"],
    ["a string", '"manifest"'],
    ["schemaVersion 3", { ...image, schemaVersion: 3 }],
    ["schemaVersion in a string", { ...image, schemaVersion: "2" }],
    ["no schemaVersion", { ...image, schemaVersion: undefined }],
    ["an artifact's schemaVersion 3", { mediaType: mediaTypes.ociArtifact, schemaVersion: 3 }],
    ["a media type that is no string", { ...image, mediaType: 2 }],
    ["no config", { ...image, config: undefined }],
    ["null for a config", { ...image, config: null }],
    ["a config that is a list", { ...image, config: [config] }],
    ["layers that are no list", { ...image, layers: {} }],
    ["layers that are a string", { ...image, layers: SHA256 }],
    ["a layer that is no descriptor", { ...image, layers: ["sha256:x"] }],
    ["null for a layer", { ...image, layers: [layer, null] }],
    ["annotations that are no strings", { ...image, annotations: { a: 1 } }],
    ["annotations that are a list", { ...image, annotations: [] }],
    ["an artifact type that is no string", { ...image, artifactType: {} }],
    ["an artifact type that is no media type", { ...image, artifactType: "example" }],
    ["a subject that is no descriptor", { ...image, subject: "x" }],
    ["a subject without a digest", { ...image, subject: { ...layer, digest: undefined } }],
    ["a key that is there twice", '{"schemaVersion":2,"layers":[],"layers":[]}'],
    ["a web page", "<!doctype html>"],
  ])("for what it holds: %s", (_what, document) => {
    expect(() => parse(document)).toThrow(malformed);
  });

  it.each([
    ["config", (bad: unknown) => ({ ...image, config: bad })],
    ["layers[1]", (bad: unknown) => ({ ...image, layers: [layer, bad] })],
    ["subject", (bad: unknown) => ({ ...image, subject: bad })],
    ["manifests[0]", (bad: unknown) => ({ ...index, manifests: [bad] })],
    ["blobs[0]", (bad: unknown) => ({ mediaType: mediaTypes.ociArtifact, blobs: [bad] })],
  ])("for a bad descriptor at %s, wherever it would lead (CVE-2024-3727)", (where, document) => {
    expect(() => parse(document({ ...layer, size: -1 }))).toThrow(where);
    for (const digest of ["sha256:../../x", `sha256:${"A".repeat(64)}`, "sha256:a", "md5:a", ""]) {
      expect(() => parse(document({ ...layer, digest }))).toThrow(malformed);
    }
  });

  it("by the name of what it was announced as", () => {
    expect(() => parse("[]", mediaTypes.ociIndex)).toThrow("the index is not a JSON object");
    expect(() => parse("[]", mediaTypes.ociManifest)).toThrow("the manifest is not a JSON object");
    expect(() => parse("[]")).toThrow("the manifest is not a JSON object");
  });

  it("for its size, and not one byte earlier", () => {
    const text = JSON.stringify(image).padEnd(8 * 1024 * 1024);
    expect(parse(text).kind).toBe("image");
    expect(() => parse(`${text} `)).toThrow(tooLarge);
  });

  it.each([
    ["layers", image],
    ["manifests", index],
    ["blobs", { mediaType: mediaTypes.ociArtifact }],
  ])("for the number of its %s, and not one earlier", (key, document) => {
    const many = (length: number) => ({ ...document, [key]: Array(length).fill(layer) });
    expect(children(parse(many(10_000))).length).toBeGreaterThanOrEqual(10_000);
    expect(() => parse(many(10_001))).toThrow(tooLarge);
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
    "that is a broken %s is read, or refused with one clear error (CVE-2021-21285)",
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
