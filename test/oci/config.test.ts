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

  it("keeps its bytes, and what lading does not know", () => {
    const bytes = bytesOf(`${JSON.stringify({ rootfs, "org.example": 1 }, null, 3)}\n`);
    expect(parseImageConfig(bytes).bytes).toBe(bytes);
  });

  it("names its platform in full, and Linux when it names none", () => {
    const windows = {
      os: "windows",
      architecture: "AMD64",
      variant: "v2",
      "os.version": "10.0.17763.1",
      "os.features": ["win32k"],
    };
    expect(parse({ rootfs, ...windows }).platform).toEqual({
      os: "windows",
      architecture: "amd64",
      variant: "v2",
      osVersion: "10.0.17763.1",
      osFeatures: ["win32k"],
    });
    expect(parse({ rootfs, os: "", architecture: "" }).platform).toEqual({
      os: "linux",
      architecture: "unknown",
    });
  });

  it("says of each step of its history who, when, how and why", () => {
    const step = { created: "2023-11-14T22:13:20Z", author: "me", comment: "because" };
    const history = [
      { ...step, created_by: "RUN", empty_layer: true },
      { created: null, empty_layer: "yes" },
    ];
    expect(parse({ rootfs, history }).history).toEqual([
      { ...step, createdBy: "RUN", emptyLayer: true },
      { emptyLayer: false },
    ]);
  });

  it.each(["Entrypoint", "Cmd", "Shell"])(
    "may have %s as one string, as old builders wrote",
    (key) => {
      const { execution } = parse({ rootfs, config: { [key]: "/bin/app --serve" } });
      expect(execution).toMatchObject({ [key.toLowerCase()]: ["/bin/app --serve"] });
    },
  );

  it("has labels and volumes under any name, without a say over prototypes", () => {
    const { execution } = parse(
      '{"rootfs":{"type":"layers"},"config":{"Labels":{"__proto__":"a"},"Volumes":{"__proto__":{}}}}',
    );
    expect(Object.entries(execution.labels)).toEqual([["__proto__", "a"]]);
    expect(execution.volumes).toEqual(["__proto__"]);
  });

  const wrongTypes: [string, unknown[]][] = [
    ["User", [0, [], {}]],
    ["Env", ["A=1", {}, [null], [["A=1"]]]],
    ["Entrypoint", [1, {}, [1]]],
    ["Cmd", [true, {}, [null]]],
    ["Shell", [1, {}, [{}]]],
    ["WorkingDir", [1, ["/"]]],
    ["Labels", ["a", [], { a: 1 }, { a: null }]],
    ["StopSignal", [9, []]],
    ["ExposedPorts", ["80/tcp", ["80/tcp"], 80]],
    ["Volumes", ["/data", ["/data"]]],
    ["Healthcheck", ["NONE", ["NONE"]]],
  ];
  it.each(wrongTypes)("is refused for a %s of another type", (key, values) => {
    for (const value of values) {
      expect(() => parse({ rootfs, config: { [key]: value } })).toThrow(
        expect.objectContaining({ code: "malformed", message: expect.stringContaining(key) }),
      );
    }
  });

  it.each([
    ["os", 1],
    ["architecture", []],
    ["variant", 7],
    ["os.version", 10],
    ["os.features", "win32k"],
    ["created", 0],
    ["author", {}],
    ["config", []],
    ["history", {}],
    ["rootfs", "layers"],
  ])("is refused for its %s of another type", (key, value) => {
    expect(() => parse({ rootfs, [key]: value })).toThrow(malformed);
  });

  it.each(["created", "created_by", "author", "comment"])(
    "is refused for %s of another type in its history",
    (key) => {
      expect(() => parse({ rootfs, history: [{}, { [key]: 1 }] })).toThrow(/history\[1\]/);
    },
  );

  it.each([
    "sha256:../../../etc/passwd",
    `sha256:${"A".repeat(64)}`,
    `sha512:${"a".repeat(64)}`,
    "sha256:",
  ])("is refused for the diff ID %j (CVE-2024-3727)", (diffId) => {
    expect(() => parse({ rootfs: { type: "layers", diff_ids: [SHA256, diffId] } })).toThrow(
      malformed,
    );
  });

  it("is refused for its size, and not one byte earlier", () => {
    const text = JSON.stringify({ rootfs }).padEnd(8 * 1024 * 1024);
    expect(parse(text).diffIds).toEqual([SHA256]);
    expect(() => parse(`${text} `)).toThrow(expect.objectContaining({ code: "limit-exceeded" }));
  });

  it.each([
    ["no rootfs", {}],
    ["null for its rootfs", { rootfs: null }],
    ["a rootfs without a type", { rootfs: { diff_ids: [] } }],
    ["diff IDs that are no strings", { rootfs: { type: "layers", diff_ids: [1] } }],
    ["null", null],
    ["a string", '"config"'],
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
    expect(checkLayers(manifest, config)).toEqual([
      { layer: manifest.layers[0], diffId: SHA256 },
      { layer: manifest.layers[1], diffId: other },
    ]);
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
