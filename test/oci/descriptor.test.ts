import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDescriptor } from "../../src/oci/descriptor.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { descriptors, failure, layer, onlyLadingErrors, SHA256 } from "./documents.ts";

const malformed = expect.objectContaining({ code: "malformed" });

describe("a descriptor", () => {
  it("is read with everything that image-spec gives it", () => {
    const full = {
      ...layer,
      urls: ["https://example.com/layer"],
      annotations: { a: "b" },
      artifactType: "application/vnd.example",
      platform: {
        os: "linux",
        architecture: "arm",
        variant: "v6",
        "os.version": "1",
        "os.features": ["b", "a"],
      },
    };
    expect(parseDescriptor(full, "here")).toEqual({
      ...full,
      platform: {
        os: "linux",
        architecture: "arm",
        variant: "v6",
        osVersion: "1",
        osFeatures: ["a", "b"],
      },
    });
  });

  it("may hold its content, decoded", () => {
    const empty = { mediaType: mediaTypes.ociEmpty, digest: layer.digest, size: 2, data: "e30=" };
    expect(Buffer.from(parseDescriptor(empty, "here").data ?? []).toString()).toBe("{}");
  });

  it.each([0, 1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])("may be of %d bytes", (size) => {
    expect(parseDescriptor({ ...layer, size }, "here").size).toBe(size);
  });

  it("may have null for what a Go writer left out, and fields that nobody knows", () => {
    const nothing = {
      urls: null,
      annotations: null,
      artifactType: null,
      platform: null,
      data: null,
    };
    expect(parseDescriptor({ ...layer, ...nothing, "org.example": 1 }, "here")).toStrictEqual(
      layer,
    );
  });

  it("may name a platform in part", () => {
    const nothing = { os: "", architecture: "" };
    for (const platform of [{}, nothing, { os: null }]) {
      expect(parseDescriptor({ ...layer, platform }, "here").platform).toStrictEqual(nothing);
    }
  });

  it("has annotations under any name", () => {
    const annotations = JSON.parse('{"__proto__":"a","constructor":"b","":"c"}');
    const parsed = parseDescriptor({ ...layer, annotations }, "here");
    expect(Object.entries(parsed.annotations ?? {})).toEqual(Object.entries(annotations));
  });

  it.each([
    "a/b",
    "A/B",
    `${"a".repeat(127)}/${"b".repeat(127)}`,
    "application/vnd.a-b_c+d.e!#$&^f",
  ])("has the media type %s as it came", (mediaType) => {
    expect(parseDescriptor({ ...layer, mediaType }, "here").mediaType).toBe(mediaType);
  });

  it.each([
    "",
    "a",
    "a/",
    "/b",
    "a/b/c",
    "a/b; charset=utf-8",
    " a/b",
    "a/b ",
    ".a/b",
    "a/.b",
    "ä/b",
    `${"a".repeat(128)}/b`,
    `a/${"b".repeat(128)}`,
  ])("is refused for the media type %j", (mediaType) => {
    expect(() => parseDescriptor({ ...layer, mediaType }, "here")).toThrow(/not a media type/);
  });

  it("is refused in a few words that say where it stood", () => {
    const error = failure(() =>
      parseDescriptor({ ...layer, mediaType: "x".repeat(100_000) }, "manifest, layers[2]"),
    );
    expect(error?.message).toMatch(/^manifest, layers\[2\]: .{1,200}$/);
  });

  it.each([
    ["a negative size", { ...layer, size: -1 }],
    ["a size that is no whole number", { ...layer, size: 1.5 }],
    ["a size beyond what a number can hold", { ...layer, size: 2 ** 53 }],
    ["a size in a string", { ...layer, size: "3" }],
    ["no size", { ...layer, size: undefined }],
    ["no digest", { ...layer, digest: undefined }],
    ["no media type", { ...layer, mediaType: undefined }],
    ["a media type that is none", { ...layer, mediaType: "../../etc" }],
    ["a media type with a line break", { ...layer, mediaType: "a/b\r\nX-Evil: 1" }],
    ["null for a size", { ...layer, size: null }],
    ["a size in a list", { ...layer, size: [3] }],
    ["a size that is not a number", { ...layer, size: Number.NaN }],
    ["an endless size", { ...layer, size: JSON.parse("1e400") }],
    ["a digest that is no string", { ...layer, digest: [SHA256] }],
    ["null for a digest", { ...layer, digest: null }],
    ["null for a media type", { ...layer, mediaType: null }],
    ["a media type that is no string", { ...layer, mediaType: {} }],
    ["urls that are no list", { ...layer, urls: "https://example.com" }],
    ["urls that are no strings", { ...layer, urls: [1] }],
    ["annotations that are no object", { ...layer, annotations: "a" }],
    ["annotations that are no strings", { ...layer, annotations: { a: null } }],
    ["an artifact type that is no string", { ...layer, artifactType: true }],
    ["data that is no string", { ...layer, data: [1, 2, 3] }],
    ["data that is not base64", { ...layer, data: "%%%%" }],
    ["data in another alphabet", { ...layer, data: "_-_-" }],
    ["data without its padding", { ...layer, size: 2, data: "e30" }],
    ["data with a line break in it", { ...layer, size: 2, data: "e30=\n" }],
    ["data for no bytes", { ...layer, data: "" }],
    ["data of another size", { ...layer, data: "e30=" }],
    ["a platform that is no object", { ...layer, platform: "linux/amd64" }],
    ["nothing in it", null],
    ["nothing at all", undefined],
    ["a list", []],
    ["a string", SHA256],
  ])("is refused for %s", (_what, value) => {
    expect(() => parseDescriptor(value as never, "here")).toThrow(malformed);
  });

  it.each([
    "sha256:../../../../etc/passwd",
    `sha256:${"A".repeat(64)}`,
    "sha256:",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    `sha256:${"a".repeat(64)}/../x`,
  ])("is refused for the digest %j (CVE-2024-3727)", (digest) => {
    expect(() => parseDescriptor({ ...layer, digest }, "here")).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(malformed|unsupported)$/) }),
    );
  });

  it("is read as it stands when it is valid, and refused with one clear error otherwise", () => {
    fc.assert(
      fc.property(descriptors(mediaTypes.ociLayer), (value) => {
        const { mediaType, digest, size } = value;
        expect(parseDescriptor(value as never, "here")).toMatchObject({ mediaType, digest, size });
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        onlyLadingErrors(() => parseDescriptor(value as never, "here")),
      ),
    );
  });
});
