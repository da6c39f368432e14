import type { Descriptor } from "./descriptor.ts";
import { normalizePlatform, type Platform } from "./platform.ts";

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
 * the same processor runs, then what it runs for its elders (386 on amd64, arm on arm64). Among
 * equals the one with the most OS features wins, then the first. An index with one single runnable
 * entry that names no platform means that one.
 *
 * @see https://github.com/containerd/platforms/blob/main/compare.go
 */
export function selectPlatform<T extends PlatformEntry>(
  wanted: Platform,
  candidates: readonly T[],
): T | undefined {
  const runnable = candidates.filter(isRunnable);
  const [only] = runnable;
  if (runnable.length === 1 && only?.platform === undefined) return only;
  const order = compatible(normalizePlatform(wanted));
  let best: { entry: T; rank: number; features: number } | undefined;
  for (const entry of runnable) {
    if (entry.platform === undefined) continue;
    const platform = normalizePlatform(entry.platform);
    const rank = order.findIndex((accepted) => fits(accepted, platform));
    const features = platform.osFeatures?.length ?? 0;
    const better =
      best === undefined || rank < best.rank || (rank === best.rank && features > best.features);
    if (rank >= 0 && better) best = { entry, rank, features };
  }
  return best?.entry;
}

function fits(accepted: Platform, offered: Platform): boolean {
  return (
    accepted.os === offered.os &&
    accepted.architecture === offered.architecture &&
    accepted.variant === offered.variant &&
    (accepted.os !== "windows" || fitsWindows(accepted.osVersion, offered.osVersion)) &&
    (offered.osFeatures ?? []).every(
      (feature) =>
        accepted.osFeatures?.includes(feature) || (accepted.os === "windows" && feature === WIN32K),
    )
  );
}

/** Every Windows has it, and images name it or not. */
const WIN32K = "win32k";

/** Windows Server 2022 and 2025: since the first, a host runs what is as new as the release before it. */
const LONG_TERM_BUILDS: readonly [number, ...number[]] = [20_348, 26_100];

/** Windows runs images of its own build only, and newer ones of some older builds; elsewhere versions don't bind. */
function fitsWindows(host: string | undefined, image: string | undefined): boolean {
  const [ours, theirs] = [windowsBuild(host), windowsBuild(image)];
  if (ours === undefined || !image) return true;
  if (theirs === undefined || ours.release !== theirs.release) return false;
  const [first] = LONG_TERM_BUILDS;
  if (ours.build < first) return ours.build === theirs.build;
  const oldest = LONG_TERM_BUILDS.findLast((build) => build < ours.build) ?? first;
  return oldest <= theirs.build && theirs.build <= ours.build;
}

/** `10.0.17763.1999`: release 10.0, build 17763. */
function windowsBuild(version = ""): { release: string; build: number } | undefined {
  const match = /^([0-9]{1,3}\.[0-9]{1,3})\.([0-9]{1,5})(?:\.|$)/.exec(version);
  return match?.[1] === undefined ? undefined : { release: match[1], build: Number(match[2]) };
}

/** What a processor runs, best first. */
function compatible(wanted: Platform): readonly Platform[] {
  const { architecture, variant } = wanted;
  const as = (architecture: string, variants: readonly (string | undefined)[]): Platform[] =>
    variants.map((variant) => withVariant(wanted, architecture, variant));
  switch (architecture) {
    case "amd64":
      return [...as("amd64", amd64Variants(variant)), ...as("386", [undefined])];
    case "arm": {
      const level = Number(/^v([5-8])$/.exec(variant ?? "")?.[1] ?? 0);
      return level === 0 ? [wanted] : as("arm", down("v", level, 5));
    }
    case "arm64": {
      const variants = arm64Variants(variant);
      return variants === undefined
        ? [wanted]
        : [...as("arm64", variants), ...as("arm", down("v", 8, 5))];
    }
    default:
      return [wanted];
  }
}

function amd64Variants(variant: string | undefined): readonly (string | undefined)[] {
  const level = /^v([2-9])$/.exec(variant ?? "")?.[1];
  return level === undefined ? [variant] : [...down("v", Number(level), 2), undefined];
}

/** Armv9.n has what Armv8.(n+5) has; there is no v8.10. Plain `arm64` is v8. */
function arm64Variants(variant = "v8"): readonly (string | undefined)[] | undefined {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant);
  if (match === null) return undefined;
  const [nine, minor] = [match[1] === "9", Number(match[2] ?? 0)];
  const eight = (minor: number) => [...down("v8.", minor, 1), undefined];
  return nine ? [...down("v9.", minor, 1), "v9", ...eight(Math.min(minor + 5, 9))] : eight(minor);
}

function down(prefix: string, from: number, to: number): string[] {
  const length = Math.max(0, from - to + 1);
  return Array.from({ length }, (_, index) => `${prefix}${from - index}`);
}

function withVariant(
  platform: Platform,
  architecture: string,
  variant: string | undefined,
): Platform {
  const { variant: _, ...rest } = platform;
  return { ...rest, architecture, ...(variant === undefined ? {} : { variant }) };
}
