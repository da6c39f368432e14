import { LadingError } from "../errors.ts";

/** `size` ids from `inside` on are `outside` and following on the disk. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly size: number;
}

/** Parses `inside:outside:size`, ranges apart by commas, as newuidmap has them. */
export function parseIdMap(text: string): readonly IdRange[] {
  const ranges = text.split(",").map((range) => {
    const match = /^([0-9]{1,10}):([0-9]{1,10}):([0-9]{1,10})$/.exec(range);
    if (match === null) throw notARange(range);
    const [inside = 0, outside = 0, size = 0] = match.slice(1).map(Number);
    return { inside, outside, size };
  });
  checkIdMap(ranges);
  return ranges;
}

/**
 * Of ranges that overlap inside, the order would decide; outside, two owners of the image would be one
 * on the disk, and each could touch what is the other's.
 */
export function checkIdMap(map: readonly IdRange[]): void {
  for (const range of map) if (!isRange(range)) throw notARange(shown(range));
  refuseOverlap(map, "inside");
  refuseOverlap(map, "outside");
}

/** Maps an id of the layer to one of the disk; one that no range holds is an error, never a guess. */
export function mapId(map: readonly IdRange[], id: number, kind: "uid" | "gid"): number {
  if (map.length === 0) return id;
  for (const { inside, outside, size } of map) {
    if (id >= inside && id < inside + size) return outside + id - inside;
  }
  throw new LadingError(
    "unsupported",
    `the layer has files of ${kind} ${id}, which no range maps`,
    {
      hint: `widen --${kind}-map, or use --ownership squash`,
    },
  );
}

/** 2^32 - 1 is no id: chown(2) takes it for "unchanged" (CVE-2024-40635). */
const IDS = 2 ** 32 - 1;

function isRange({ inside, outside, size }: IdRange): boolean {
  const whole = [inside, outside, size].every((number) => Number.isSafeInteger(number));
  if (!whole || inside < 0 || outside < 0 || size < 1) return false;
  return inside + size <= IDS && outside + size <= IDS;
}

function refuseOverlap(map: readonly IdRange[], side: "inside" | "outside"): void {
  const sorted = [...map].sort((a, b) => a[side] - b[side]);
  for (const [at, range] of sorted.entries()) {
    const before = sorted[at - 1];
    if (before === undefined || before[side] + before.size <= range[side]) continue;
    const where = side === "inside" ? "of the image" : "on the disk";
    throw new LadingError(
      "usage",
      `the ranges ${shown(before)} and ${shown(range)} have ids ${where} in common`,
      { hint: "give each id to one range, for example 0:100000:1000,1000:200000:1000" },
    );
  }
}

function notARange(range: string): LadingError {
  return new LadingError("usage", `not a range of ids: ${JSON.stringify(range)}`, {
    hint: "write inside:outside:size, for example 0:100000:65536; the last id is 4294967294",
  });
}

function shown({ inside, outside, size }: IdRange): string {
  return `${inside}:${outside}:${size}`;
}
