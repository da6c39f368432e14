import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import {
  defaultPlatform,
  formatPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
} from "../../src/oci/platform.ts";
import { isRunnable, selectPlatform } from "../../src/oci/platform-match.ts";
import { failure } from "./documents.ts";

interface Vectors {
  parse: { text: string; expected: Platform; same?: Platform[] }[];
  roundTrips: string[];
  invalid: string[];
  runs: { platform: string; runs: string[]; refuses: string[] }[];
  choices: {
    wanted: string;
    offered: string[];
    best: string;
    lading?: { best: string; why: string };
  }[];
  normalizes: { platform: Platform; expected: string }[];
  windowsBuilds: { host: number; image: number; runs: boolean }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("./vectors/platform.json", import.meta.url), "utf8"),
);

const entry = (platform: string) => ({ platform: parsePlatform(platform), name: platform });

function runs(wanted: string, offered: string): boolean {
  return selectPlatform(parsePlatform(wanted), [entry(offered)]) !== undefined;
}

describe("a platform, by the vectors of containerd/platforms", () => {
  it.each(vectors.parse)("parses $text", ({ text, expected, same = [] }) => {
    const fill = { defaultOS: "linux", defaultArch: defaultPlatform().architecture };
    const { variant, ...rest } = expected;
    const platform = {
      ...rest,
      os: rest.os.replace("defaultOS", fill.defaultOS),
      architecture: rest.architecture.replace("defaultArch", fill.defaultArch),
      ...(variant === undefined || variant === "defaultVariant" ? {} : { variant }),
    };
    expect(parsePlatform(text)).toEqual(normalizePlatform(platform));
    for (const other of same) expect(normalizePlatform(other)).toEqual(parsePlatform(text));
  });

  it.each(vectors.roundTrips)("writes %s as it was", (text) => {
    expect(formatPlatform(parsePlatform(text))).toBe(text);
  });

  it.each([
    ...vectors.invalid,
    "*/*",
    "linux/*",
    "lnux",
    "linux(%zz)/amd64",
    "linux/arm&",
    "linux/arm/v7&",
    " linux",
    "(1.0)",
    "linux(1.0",
    "linux(1.0)x/amd64",
    "amd64(1.0)",
    "amd64(+gpu)",
    "__proto__",
    "constructor",
  ])("refuses %j", (text) => {
    expect(() => parsePlatform(text)).toThrow(LadingError);
  });

  it.each(vectors.runs)("says what $platform runs", ({ platform, runs: yes, refuses }) => {
    expect(yes.filter((offered) => !runs(platform, offered))).toEqual([]);
    expect(refuses.filter((offered) => runs(platform, offered))).toEqual([]);
  });

  it.each(vectors.choices)("chooses for $wanted of $offered", (vector) => {
    const { wanted, offered, best, lading } = vector;
    expect(selectPlatform(parsePlatform(wanted), offered.map(entry))?.name).toBe(
      lading?.best ?? best,
    );
  });

  it.each(vectors.normalizes)("normalises $expected", ({ platform, expected }) => {
    expect(formatPlatform(normalizePlatform(platform))).toBe(expected);
  });

  it.each(vectors.windowsBuilds)("Windows build $host runs $image: $runs", (vector) => {
    const version = (build: number) => `windows(10.0.${build}.1)/amd64`;
    expect(runs(version(vector.host), version(vector.image))).toBe(vector.runs);
  });
});

describe("the choice among platforms", () => {
  it.each([
    ["linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
    ["linux/arm/v8", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v6"],
    ["linux/arm", ["linux/arm/v5", "linux/arm/v8"], "linux/arm/v5"],
    ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"],
    ["linux/amd64", ["linux/386", "linux/amd64/v2"], "linux/386"],
    ["linux/arm64", ["linux/arm/v7", "linux/arm64"], "linux/arm64"],
    ["linux/arm64", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
    ["linux/arm64/v9", ["linux/arm64", "linux/arm64/v8.5"], "linux/arm64/v8.5"],
    ["linux(+gpu)/amd64", ["linux/amd64", "linux(+gpu)/amd64"], "linux(+gpu)/amd64"],
    ["linux/amd64", ["linux(+gpu)/amd64", "linux/amd64"], "linux/amd64"],
    [
      "windows(10.0.17763)/amd64",
      ["windows(10.0.20348+win32k)/amd64", "windows(10.0.17763.1+win32k)/amd64"],
      "windows(10.0.17763.1+win32k)/amd64",
    ],
  ])("for %s of %j is %s", (wanted, offered, best) => {
    expect(selectPlatform(parsePlatform(wanted), offered.map(entry))?.name).toBe(best);
  });

  it.each([
    ["linux(+gpu)/amd64", ["linux/amd64", "linux(+gpu)/386"], "linux/amd64"],
    ["linux(10.0.17763)/amd64", ["linux(10.0.20348)/amd64"], "linux(10.0.20348)/amd64"],
    ["windows/amd64", ["windows(+other)/amd64"], undefined],
    ["linux/amd64", ["linux(+win32k)/amd64"], undefined],
    ["windows(10.0.26101)/amd64", ["windows(10.0.25398)/amd64"], undefined],
    ["windows(10.0.26101)/amd64", ["windows(10.0.26100)/amd64"], "windows(10.0.26100)/amd64"],
    ["windows(10.0.20348)/amd64", ["windows(11.0.20348)/amd64"], undefined],
    ["windows(10.0.20348)/amd64", ["windows(20348)/amd64"], undefined],
    ["windows(x10.0.20348)/amd64", ["windows(10.0.17763)/amd64"], "windows(10.0.17763)/amd64"],
    ["linux/amd64/v23", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v23"], "linux/amd64/v23"],
    ["linux/amd64/v23", ["linux/amd64", "linux/amd64/v2"], undefined],
    ["linux/amd64/xv3", ["linux/amd64", "linux/amd64/v3"], undefined],
    ["linux/arm/v78", ["linux/arm/v7"], undefined],
    ["linux/arm/xv7", ["linux/arm/v7"], undefined],
    ["linux/arm64/other", ["linux/arm64", "linux/arm64/other"], "linux/arm64/other"],
    ["linux/arm64/xv8", ["linux/arm64"], undefined],
    ["linux/arm64/v8.10", ["linux/arm64", "linux/arm64/v8.1"], undefined],
    ["linux/s390x", ["linux/s390x/z13", "linux/s390x"], "linux/s390x"],
  ])("for %s of %j is %s, and nothing that would not run", (wanted, offered, best) => {
    expect(selectPlatform(parsePlatform(wanted), offered.map(entry))?.name).toBe(best);
  });

  it("is the first among equals", () => {
    const [one, two] = [entry("linux/amd64"), entry("linux/amd64")];
    expect(selectPlatform(parsePlatform("amd64"), [one, two])).toBe(one);
  });

  it("is the only entry when that names no platform, and nothing when there are two such", () => {
    const bare = {};
    expect(selectPlatform(parsePlatform("arm64"), [bare])).toBe(bare);
    expect(selectPlatform(parsePlatform("arm64"), [bare, {}])).toBeUndefined();
  });

  it("never is an attestation or an unknown platform", () => {
    const unknown = { platform: normalizePlatform({ os: "unknown", architecture: "unknown" }) };
    const annotations = { "vnd.docker.reference.type": "attestation-manifest" };
    const attestation = { platform: parsePlatform("linux/amd64"), annotations };
    expect([unknown, attestation].map(isRunnable)).toEqual([false, false]);
    for (const half of ["unknown/amd64", "linux/unknown"]) {
      expect(isRunnable({ platform: parsePlatform(half) })).toBe(true);
    }
    expect(selectPlatform(parsePlatform("linux/amd64"), [unknown, attestation])).toBeUndefined();
  });

  it.each([
    ["i386", "386"],
    ["i486", "386"],
    ["i586", "386"],
    ["i686", "386"],
    ["x86_64", "amd64"],
    ["x86-64", "amd64"],
    ["X86_64", "amd64"],
    ["aarch64", "arm64"],
    ["armhf", "arm/v7"],
    ["armel", "arm/v6"],
    ["arm", "arm/v7"],
    ["arm/5", "arm/v5"],
    ["arm/6", "arm/v6"],
    ["arm/7", "arm/v7"],
    ["arm/8", "arm/v8"],
    ["arm/V8", "arm/v8"],
    ["arm/4", "arm/4"],
    ["arm/v56", "arm/v56"],
    ["arm/56", "arm/56"],
    ["arm64/8", "arm64"],
    ["arm64/v8", "arm64"],
    ["arm64/v8.0", "arm64"],
    ["arm64/v8.1", "arm64/v8.1"],
    ["arm64/9", "arm64/v9"],
    ["arm64/9.0", "arm64/v9"],
    ["arm64/v9.0", "arm64/v9"],
    ["amd64/v1", "amd64"],
    ["amd64/v2", "amd64/v2"],
    ["amd64/V3", "amd64/v3"],
    ["riscv64/v1", "riscv64/v1"],
  ])("knows linux/%s as linux/%s", (name, normal) => {
    expect(formatPlatform(parsePlatform(`linux/${name}`))).toBe(`linux/${normal}`);
  });

  it.each([
    ["x64", "amd64"],
    ["ia32", "386"],
    ["arm", "arm/v7"],
    ["arm64", "arm64"],
    ["ppc64", "ppc64le"],
    ["mipsel", "mipsle"],
    ["loong64", "loong64"],
    ["s390x", "s390x"],
    ["riscv64", "riscv64"],
  ])("on a machine that Node.js calls %s is linux/%s", (architecture, normal) => {
    expect(formatPlatform(defaultPlatform(architecture))).toBe(`linux/${normal}`);
  });

  it("is Linux unless another system is named, whatever the host", () => {
    expect(defaultPlatform("x64")).toEqual({ os: "linux", architecture: "amd64" });
    expect(parsePlatform("arm64").os).toBe("linux");
  });
});

describe("any text", () => {
  it("is a platform that survives being written, or one clear error", () => {
    const piece = fc.constantFrom(
      "linux",
      "windows",
      "amd64",
      "arm",
      "v7",
      "/",
      "(",
      ")",
      "+",
      "%2B",
      "%F0%9F%98%80",
      "%",
      "10.0",
      "",
    );
    const text = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (text) => {
        const refusal = failure(() => parsePlatform(text));
        if (refusal !== undefined) {
          expect(refusal).toMatchObject({ code: "usage" });
          return;
        }
        const platform = parsePlatform(text);
        expect(parsePlatform(formatPlatform(platform))).toEqual(platform);
        expect(normalizePlatform(platform)).toEqual(platform);
      }),
      { numRuns: 2000 },
    );
  });

  it("is shown as it can be typed again, whatever an image calls it", () => {
    const word = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("my arch", "a/b", "%", "."));
    fc.assert(
      fc.property(word, word, fc.option(word, { nil: undefined }), (os, architecture, variant) => {
        const platform = normalizePlatform({
          os,
          architecture,
          ...(variant === undefined ? {} : { variant }),
        });
        const shown = formatPlatform(platform);
        expect(shown).toMatch(/^[\x21-\x7e]+$/);
        expect(parsePlatform(shown)).toEqual(platform);
      }),
    );
    expect(formatPlatform({ os: "linux", architecture: "my arch" })).toBe("linux/my%20arch");
    expect(formatPlatform({ os: "linux", architecture: "" })).toBe("linux/unknown");
  });
});
