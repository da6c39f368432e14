import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkLayers, parseImageConfig } from "../../src/oci/config.ts";
import { type ImageManifest, parseManifest } from "../../src/oci/manifest.ts";
import {
  brokenSomehow,
  bytesOf,
  configs,
  image,
  layer,
  onlyLadingErrors,
  SHA256,
} from "./documents.ts";

const rootfs = { type: "layers", diff_ids: [SHA256] };
const malformed = expect.objectContaining({ code: "malformed" });
const parse = (value: unknown) => parseImageConfig(bytesOf(value));

describe("an image's config", () => {
  it("says how the image wants to run (origin 4.1: labels and stop signal too)", () => {
    const parsed = parse({
      os: "linux",
      architecture: "amd64",
      author: "me",
      created: "2023-11-14T22:13:20Z",
      rootfs,
      config: {
        User: "1000:1000",
        Env: ["A=1"],
        Entrypoint: ["/bin/app"],
        Cmd: ["serve"],
        WorkingDir: "/srv",
        Labels: { a: "b" },
        StopSignal: "SIGINT",
        ExposedPorts: { "80/tcp": {} },
        Volumes: { "/data": {} },
        Shell: ["/bin/sh", "-c"],
        Healthcheck: { Test: ["NONE"] },
      },
      history: [{ created_by: "RUN true", empty_layer: true }, {}],
    });
    expect(parsed).toMatchObject({
      platform: { os: "linux", architecture: "amd64" },
      author: "me",
      diffIds: [SHA256],
      execution: {
        user: "1000:1000",
        env: ["A=1"],
        entrypoint: ["/bin/app"],
        cmd: ["serve"],
        workingDir: "/srv",
        labels: { a: "b" },
        stopSignal: "SIGINT",
        exposedPorts: ["80/tcp"],
        volumes: ["/data"],
        shell: ["/bin/sh", "-c"],
        healthcheck: { Test: ["NONE"] },
      },
      history: [{ createdBy: "RUN true", emptyLayer: true }, { emptyLayer: false }],
    });
  });

  it("may leave out or set to null whatever only describes the image", () => {
    const { execution, platform } = parse({ rootfs, config: null, history: null, created: null });
    expect(platform).toEqual({ os: "linux", architecture: "unknown" });
    expect(execution).toEqual({ env: [], labels: {}, exposedPorts: [], volumes: [] });
    expect(parse({ rootfs, config: { Cmd: "a string", Entrypoint: null } }).execution.cmd).toEqual([
      "a string",
    ]);
  });

  it.each([
    ["no rootfs", {}],
    ["diff IDs that are no digests", { rootfs: { type: "layers", diff_ids: ["x"] } }],
    ["diff IDs that are no list", { rootfs: { type: "layers", diff_ids: {} } }],
    ["an environment of numbers", { rootfs, config: { Env: [1] } }],
    ["history that is no object", { rootfs, history: ["x"] }],
    ["a list", []],
  ])("is refused for %s", (_what, value) => {
    expect(() => parse(value)).toThrow(malformed);
  });

  it("is refused for a root filesystem that is not made of layers", () => {
    expect(() => parse({ rootfs: { type: "zip", diff_ids: [] } })).toThrow(
      expect.objectContaining({ code: "unsupported" }),
    );
  });

  it("has as many diff IDs as the manifest has layers, in that order (fault 5)", () => {
    const manifest = parseManifest(bytesOf({ ...image, layers: [layer, layer] })) as ImageManifest;
    const other = `sha256:${"b".repeat(64)}`;
    const config = parse({ rootfs: { type: "layers", diff_ids: [SHA256, other] } });
    expect(checkLayers(manifest, config).map(({ diffId }) => diffId)).toEqual([SHA256, other]);
    for (const diff_ids of [[], [SHA256], [SHA256, SHA256, SHA256]]) {
      expect(() => checkLayers(manifest, parse({ rootfs: { type: "layers", diff_ids } }))).toThrow(
        malformed,
      );
    }
  });

  it("is read when it is valid, and refused with one clear error otherwise", () => {
    fc.assert(
      fc.property(configs, (value) => {
        const { diff_ids } = value.rootfs as { diff_ids: string[] };
        expect(parse(value).diffIds).toEqual(diff_ids);
      }),
    );
    fc.assert(
      fc.property(brokenSomehow(configs), (bytes) =>
        onlyLadingErrors(() => parseImageConfig(bytes)),
      ),
      { numRuns: 1000 },
    );
  });
});
