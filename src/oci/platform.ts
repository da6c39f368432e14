import { LadingError } from "../errors.ts";

/** A platform, normalised as containerd does it. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

/** What other tools call the architectures that Go knows by another name. */
const ARCHITECTURES: ReadonlyMap<string, readonly [string, string?]> = new Map([
  ["i386", ["386"]],
  ["i486", ["386"]],
  ["i586", ["386"]],
  ["i686", ["386"]],
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["aarch64", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
]);

const NODE_ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["x64", "amd64"],
  ["ia32", "386"],
  ["ppc64", "ppc64le"],
  ["mipsel", "mipsle"],
  ["loong64", "loong64"],
]);

/**
 * The names that containerd normalises to: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` without a
 * variant is `arm/v7`, `amd64/v1` is `amd64`, `macos` is `darwin`.
 *
 * @see https://github.com/containerd/platforms/blob/main/database.go
 */
export function normalizePlatform(platform: Platform): Platform {
  const lower = platform.architecture.toLowerCase();
  const [architecture, implied] = ARCHITECTURES.get(lower) ?? [lower];
  const variant = normalizeVariant(architecture, platform.variant?.toLowerCase() || implied);
  const os = platform.os.toLowerCase();
  const { osVersion, osFeatures } = platform;
  return {
    os: os === "macos" ? "darwin" : os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion ? { osVersion } : {}),
    ...(osFeatures?.some(Boolean) ? { osFeatures: osFeatures.filter(Boolean).sort() } : {}),
  };
}

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  if (architecture === "arm64") return normalizeArm64(variant);
  if (architecture === "amd64" && variant === "v1") return undefined;
  if (architecture !== "arm") return variant || undefined;
  if (variant === undefined || variant === "7") return "v7";
  return /^[568]$/.test(variant) ? `v${variant}` : variant;
}

function normalizeArm64(variant: string | undefined): string | undefined {
  if (variant === "8" || variant === "v8" || variant === "v8.0") return undefined;
  return variant === "9" || variant === "9.0" || variant === "v9.0" ? "v9" : variant || undefined;
}

/** Linux on this machine's architecture: images for other systems do not run here, whatever the host. */
export function defaultPlatform(architecture: string = process.arch): Platform {
  return normalizePlatform({
    os: "linux",
    architecture: NODE_ARCHITECTURES.get(architecture) ?? architecture,
  });
}

/** Operating systems that Go names: what tells `windows` from `amd64` when one word stands alone. */
const SYSTEMS: ReadonlySet<string> = new Set(
  "aix android darwin dragonfly freebsd illumos ios js linux macos netbsd openbsd plan9 solaris wasip1 windows".split(
    " ",
  ),
);

/** And the architectures, so that a slip is not taken for one. */
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(
    " ",
  ),
);

const COMPONENT = /^[A-Za-z0-9_.%-]+$/;
const SYSTEM = /^([A-Za-z0-9_%-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;

/**
 * Parses `os`, `arch`, `os/arch` or `os/arch/variant`; `os` may carry a version and features as
 * containerd writes them: `windows(10.0.17763+win32k)/amd64`. What an image calls itself that is no
 * such word is percent-encoded, as {@link formatPlatform} does it.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const [first = "", second, variant] = parts;
  const system = SYSTEM.exec(first);
  if (parts.length > 3 || system === null) throw notAPlatform(text);
  if (![second, variant].every((part) => part === undefined || COMPONENT.test(part))) {
    throw notAPlatform(text);
  }
  const [, os = "", osVersion, features = ""] = system;
  const versioned = {
    ...(osVersion === undefined ? {} : { osVersion: decoded(osVersion, text) }),
    osFeatures: features
      .split("+")
      .map((feature) => decoded(feature, text))
      .filter((feature) => feature !== ""),
  };
  if (second === undefined) return parseOneWord(os, versioned, text);
  const platform = {
    os: decoded(os, text),
    architecture: decoded(second, text),
    ...versioned,
  };
  return normalizePlatform(
    variant === undefined ? platform : { ...platform, variant: decoded(variant, text) },
  );
}

function parseOneWord(word: string, versioned: Partial<Platform>, text: string): Platform {
  if (SYSTEMS.has(word.toLowerCase())) {
    return normalizePlatform({ ...defaultPlatform(), os: word, ...versioned });
  }
  const platform = normalizePlatform({ os: "linux", architecture: word });
  // A version or features belong to a system, which was not named.
  if (word !== text || !KNOWN_ARCHITECTURES.has(platform.architecture)) throw notAPlatform(text);
  return platform;
}

/** Each part may hold what the format itself uses, percent-encoded. */
function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notAPlatform(text);
  }
}

/** `linux/arm64`, `linux/arm/v7`, `windows(10.0.17763)/amd64`: fit to be shown, and to be parsed again. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant, osVersion, osFeatures = [] } = platform;
  const version = [osVersion ?? "", ...osFeatures].map(encoded).join("+");
  const name = encoded(os || "unknown").replaceAll(".", "%2E");
  const system = version === "" ? name : `${name}(${version})`;
  const words = [architecture || "unknown", ...(variant ? [variant] : [])];
  return [system, ...words.map(encoded)].join("/");
}

function encoded(part: string): string {
  return part.replace(/[^A-Za-z0-9_.-]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(""),
  );
}

function notAPlatform(text: string): LadingError {
  return new LadingError("usage", `not a platform: ${JSON.stringify(text.slice(0, 80))}`, {
    hint: "write it as os/architecture[/variant]: linux/amd64, linux/arm64, linux/arm/v7",
  });
}
