import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDescriptor } from "../../src/oci/descriptor.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { descriptors, layer, onlyLadingErrors } from "./documents.ts";

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
    ["urls that are no list", { ...layer, urls: "https://example.com" }],
    ["data that is not base64", { ...layer, data: "%%%%" }],
    ["data of another size", { ...layer, data: "e30=" }],
    ["a platform that is no object", { ...layer, platform: "linux/amd64" }],
    ["nothing in it", null],
    ["a list", []],
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
