import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metadataLimits } from "../../src/oci/limits.ts";
import { type ImageIndex, parseManifest } from "../../src/oci/manifest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { bytesOf, descriptors, index, layer, SHA256 } from "./documents.ts";

const malformed = expect.objectContaining({ code: "malformed" });

const entry = { mediaType: mediaTypes.ociManifest, digest: SHA256, size: 4 };
const platform = { os: "linux", architecture: "amd64" };

function parseIndex(document: unknown, mediaType?: string): ImageIndex {
  const parsed = parseManifest(bytesOf(document), { mediaType });
  if (parsed.kind !== "index") throw new Error(`it is an ${parsed.kind}`);
  return parsed;
}

describe("an index", () => {
  it("names an image for each platform, attestations and other indexes, in its order", () => {
    const manifests = [
      { ...entry, platform },
      { ...entry, platform: { os: "linux", architecture: "arm", variant: "v6" } },
      {
        ...entry,
        platform: { os: "windows", architecture: "amd64", "os.version": "10.0.17763.1" },
      },
      {
        ...entry,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
      { ...entry, mediaType: mediaTypes.ociIndex },
      { ...entry, artifactType: "application/vnd.example" },
    ];
    expect(parseIndex({ ...index, manifests }).manifests).toEqual([
      { ...entry, platform },
      { ...entry, platform: { os: "linux", architecture: "arm", variant: "v6" } },
      {
        ...entry,
        platform: { os: "windows", architecture: "amd64", osVersion: "10.0.17763.1" },
      },
      manifests[3],
      { ...entry, mediaType: mediaTypes.ociIndex },
      { ...entry, artifactType: "application/vnd.example" },
    ]);
  });

  it.each([
    ["OCI's", mediaTypes.ociIndex],
    ["docker's list", mediaTypes.dockerList],
  ])("is %s", (_whose, mediaType) => {
    expect(parseIndex({ ...index, mediaType }).mediaType).toBe(mediaType);
    expect(parseIndex({ ...index, mediaType }, mediaType).mediaType).toBe(mediaType);
    expect(parseIndex({ ...index, mediaType: undefined }, mediaType).mediaType).toBe(mediaType);
  });

  it("without a media type is OCI's", () => {
    expect(parseIndex({ ...index, mediaType: undefined }).mediaType).toBe(mediaTypes.ociIndex);
  });

  it("may be about another manifest, and an artifact", () => {
    const more = {
      subject: entry,
      artifactType: "application/vnd.example",
      annotations: { a: "" },
    };
    expect(parseIndex({ ...index, ...more })).toMatchObject(more);
  });

  it("may have null for what a Go writer left out", () => {
    const nothing = { subject: null, annotations: null, artifactType: null };
    const { bytes: _, ...parsed } = parseIndex({ ...index, manifests: null, ...nothing });
    expect(parsed).toEqual({ kind: "index", mediaType: mediaTypes.ociIndex, manifests: [] });
  });

  it("keeps its bytes, and what lading does not know", () => {
    const bytes = bytesOf(
      `${JSON.stringify({ ...index, "org.example.new": [1e3] }, null, "\t")}\n`,
    );
    expect(parseManifest(bytes).bytes).toBe(bytes);
  });

  it.each([
    ["manifests that are no list", { ...index, manifests: { 0: entry } }],
    ["a manifest that is no descriptor", { ...index, manifests: [SHA256] }],
    ["null for a manifest", { ...index, manifests: [null] }],
    ["a platform that is no object", { ...index, manifests: [{ ...entry, platform: [] }] }],
    [
      "an architecture that is no string",
      { ...index, manifests: [{ ...entry, platform: { ...platform, architecture: 64 } }] },
    ],
    [
      "a system that is no string",
      { ...index, manifests: [{ ...entry, platform: { ...platform, os: {} } }] },
    ],
    [
      "a variant that is no string",
      { ...index, manifests: [{ ...entry, platform: { ...platform, variant: 7 } }] },
    ],
    [
      "a version that is no string",
      { ...index, manifests: [{ ...entry, platform: { ...platform, "os.version": 10 } }] },
    ],
    [
      "features that are no list",
      { ...index, manifests: [{ ...entry, platform: { ...platform, "os.features": "win32k" } }] },
    ],
    ["a negative size", { ...index, manifests: [{ ...entry, size: -1 }] }],
    [
      "a digest that leads elsewhere (CVE-2024-3727)",
      { ...index, manifests: [{ ...entry, digest: "sha256:../../../x" }] },
    ],
    ["schemaVersion 3", { ...index, schemaVersion: 3 }],
    ["schemaVersion in a string", { ...index, schemaVersion: "2" }],
    ["a subject that is no descriptor", { ...index, subject: {} }],
    ["an artifact type that is none", { ...index, artifactType: "not a type" }],
    ["annotations that are a list", { ...index, annotations: ["a"] }],
  ])("is refused for %s", (_what, document) => {
    expect(() => parseIndex(document)).toThrow(malformed);
  });

  it.each([
    ["layers", { layers: [layer] }],
    ["empty layers", { layers: [] }],
    ["a config", { config: layer }],
    ["blobs", { blobs: [layer] }],
  ])("is refused when it holds %s as well (CVE-2021-41190)", (_what, more) => {
    for (const mediaType of [undefined, mediaTypes.ociIndex, mediaTypes.ociManifest]) {
      expect(() => parseIndex({ ...index, ...more, mediaType })).toThrow(malformed);
    }
  });

  it("is refused for more entries than anyone has", () => {
    const many = (count: number) => ({
      ...index,
      manifests: Array.from({ length: count }, () => entry),
    });
    expect(parseIndex(many(metadataLimits.children)).manifests).toHaveLength(
      metadataLimits.children,
    );
    expect(() => parseIndex(many(metadataLimits.children + 1))).toThrow(
      expect.objectContaining({ code: "limit-exceeded" }),
    );
  });

  it("of any valid entries keeps each as it stands", () => {
    const entries = fc.array(descriptors(mediaTypes.ociManifest, mediaTypes.ociIndex));
    fc.assert(
      fc.property(entries, (manifests) => {
        const known = manifests.map(({ "org.example.unknown": _, ...rest }) => rest);
        expect(parseIndex({ ...index, manifests }).manifests).toEqual(known);
      }),
    );
  });
});
