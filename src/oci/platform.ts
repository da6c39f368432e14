import { LadingError } from "../errors.ts";
import type { Descriptor } from "./descriptor.ts";

/** A platform, normalised as containerd does it. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

/** What other tools call the architectures that Go knows by another name. */
const ARCHITECTURES: Readonly<Record<string, readonly [string, string?]>> = {
  i386: ["386"],
  i486: ["386"],
  i586: ["386"],
  i686: ["386"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

const NODE_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
  loong64: "loong64",
};

/**
 * The names that containerd normalises to: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` without a
 * variant is `arm/v7`, `amd64/v1` is `amd64`, `macos` is `darwin`.
 *
 * @see https://github.com/containerd/platforms/blob/main/database.go
 */
export function normalizePlatform(platform: Platform): Platform {
  const lower = platform.architecture.toLowerCase();
  const [architecture, implied] = ARCHITECTURES[lower] ?? [lower];
  const variant = normalizeVariant(architecture, platform.variant?.toLowerCase() || implied);
  const os = platform.os.toLowerCase();
  const { osVersion, osFeatures } = platform;
  return {
    os: os === "macos" ? "darwin" : os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion ? { osVersion } : {}),
    ...(osFeatures?.length ? { osFeatures: [...osFeatures].sort() } : {}),
  };
}

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  if (architecture === "arm64" && (variant === "8" || variant === "v8")) return undefined;
  if (architecture === "amd64" && variant === "v1") return undefined;
  if (architecture !== "arm") return variant || undefined;
  if (variant === undefined || variant === "7") return "v7";
  return /^[568]$/.test(variant) ? `v${variant}` : variant;
}

/** Linux on this machine's architecture: images for other systems do not run here, whatever the host. */
export function defaultPlatform(architecture: string = process.arch): Platform {
  return normalizePlatform({
    os: "linux",
    architecture: NODE_ARCHITECTURES[architecture] ?? architecture,
  });
}

/** Operating systems that Go names: what tells `windows` from `amd64` when one word stands alone. */
const SYSTEMS: ReadonlySet<string> = new Set(
  "aix android darwin dragonfly freebsd illumos ios js linux macos netbsd openbsd plan9 solaris wasip1 windows".split(
    " ",
  ),
);

const COMPONENT = /^[A-Za-z0-9_.-]+$/;
const SYSTEM = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]+)((?:\+[A-Za-z0-9_.-]+)*)\))?$/;

/**
 * Parses `os`, `arch`, `os/arch` or `os/arch/variant`; `os` may carry a version and features as
 * containerd writes them: `windows(10.0.17763+win32k)/amd64`.
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
  if (second === undefined) {
    if (osVersion === undefined && !SYSTEMS.has(os.toLowerCase())) {
      return normalizePlatform({ os: "linux", architecture: os });
    }
    return normalizePlatform({ ...defaultPlatform(), os, ...versioned(osVersion, features) });
  }
  const platform = { os, architecture: second, ...versioned(osVersion, features) };
  return normalizePlatform(variant === undefined ? platform : { ...platform, variant });
}

function versioned(version: string | undefined, features: string): Partial<Platform> {
  const osFeatures = features.split("+").filter((feature) => feature !== "");
  return {
    ...(version === undefined ? {} : { osVersion: version }),
    ...(osFeatures.length > 0 ? { osFeatures } : {}),
  };
}

/** `linux/arm64`, `linux/arm/v7`, `windows(10.0.17763)/amd64`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant, osVersion, osFeatures = [] } = platform;
  const version = [osVersion ?? "", ...osFeatures].join("+");
  const system = version === "" ? os : `${os}(${version})`;
  return [system, architecture, variant].filter((part) => part !== undefined).join("/");
}

/** Where docker's buildx says that a manifest is about another one, and not to be run. */
const REFERENCE_TYPE = "vnd.docker.reference.type";

type PlatformEntry = Pick<Descriptor, "platform" | "annotations">;

/** Whether an index entry can be an image to run: neither an attestation nor for an unknown platform. */
export function isRunnable(entry: PlatformEntry): boolean {
  if (entry.annotations?.[REFERENCE_TYPE] !== undefined) return false;
  const { platform } = entry;
  return platform === undefined || platform.os !== "unknown" || platform.architecture !== "unknown";
}

/**
 * The entry that fits a platform best, in containerd's order: the exact variant, then older ones that
 * the same processor runs. Among equals the first wins. An index with one single runnable entry that
 * names no platform means that one.
 */
export function selectPlatform<T extends PlatformEntry>(
  wanted: Platform,
  candidates: readonly T[],
): T | undefined {
  const runnable = candidates.filter(isRunnable);
  const [only] = runnable;
  if (runnable.length === 1 && only?.platform === undefined) return only;
  const order = compatible(normalizePlatform(wanted));
  let best: { entry: T; rank: number } | undefined;
  for (const entry of runnable) {
    const { platform } = entry;
    if (platform === undefined) continue;
    const rank = order.findIndex((accepted) => fits(accepted, platform));
    if (rank >= 0 && (best === undefined || rank < best.rank)) best = { entry, rank };
  }
  return best?.entry;
}

function fits(accepted: Platform, offered: Platform): boolean {
  return (
    accepted.os === offered.os &&
    accepted.architecture === offered.architecture &&
    accepted.variant === offered.variant &&
    fitsVersion(accepted, offered) &&
    (offered.osFeatures ?? []).every((feature) => accepted.osFeatures?.includes(feature) ?? true)
  );
}

/** Windows runs images of its own build only (the first three numbers); elsewhere versions don't bind. */
function fitsVersion(accepted: Platform, offered: Platform): boolean {
  if (accepted.osVersion === undefined || offered.osVersion === undefined) return true;
  const build = (version: string): string => version.split(".").slice(0, 3).join(".");
  return build(accepted.osVersion) === build(offered.osVersion);
}

/** What a processor runs, best first. */
function compatible(wanted: Platform): readonly Platform[] {
  const { architecture, variant } = wanted;
  const plain = withVariant(wanted, architecture, undefined);
  if (architecture === "amd64") {
    const level = Number(/^v([2-9])$/.exec(variant ?? "")?.[1] ?? 1);
    return [...down(level, 2).map((v) => withVariant(wanted, "amd64", v)), plain];
  }
  if (architecture === "arm") {
    const level = Number(/^v([5-8])$/.exec(variant ?? "")?.[1] ?? 0);
    if (level === 0) return [wanted];
    return down(level, 5).map((v) => withVariant(wanted, "arm", v));
  }
  if (architecture === "arm64") {
    const arm = down(8, 5).map((v) => withVariant(wanted, "arm", v));
    return variant === undefined ? [plain, ...arm] : [wanted, plain, ...arm];
  }
  return [wanted];
}

function down(from: number, to: number): string[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => `v${from - index}`);
}

function withVariant(
  platform: Platform,
  architecture: string,
  variant: string | undefined,
): Platform {
  const { variant: _, ...rest } = platform;
  return { ...rest, architecture, ...(variant === undefined ? {} : { variant }) };
}

function notAPlatform(text: string): LadingError {
  return new LadingError("usage", `not a platform: ${JSON.stringify(text.slice(0, 80))}`, {
    hint: "write it as os/architecture[/variant]: linux/amd64, linux/arm64, linux/arm/v7",
  });
}
