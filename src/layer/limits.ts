import { LadingError } from "../errors.ts";

/** How much an image's layers may be, together for `maxBytes`, else each. What is left out has the default of {@link unpackLimits}. */
export interface UnpackLimits {
  /** Bytes written, holes not counted. Default: what the disk has free, less a reserve. */
  readonly maxBytes: number | undefined;
  /** Bytes written to one file. Default: as for the whole. */
  readonly maxFileBytes: number | undefined;
  readonly maxEntries: number;
  /** Bytes of a path. */
  readonly maxPath: number;
  /** Components of a path. */
  readonly maxDepth: number;
  /** Bytes of the extended attributes of one entry, names included. */
  readonly maxXattrBytes: number;
  /** Bytes out for each byte in. Default: none, for real images reach what compression can. */
  readonly maxRatio: number | undefined;
}

export const unpackLimits: UnpackLimits = {
  maxBytes: undefined,
  maxFileBytes: undefined,
  maxEntries: 10_000_000,
  maxPath: 4096,
  maxDepth: 512,
  maxXattrBytes: 1024 * 1024,
  maxRatio: undefined,
};

/** What stays free on a disk, so that a layer that is too large fails before everything else does. */
export const DISK_RESERVE: number = 64 * 1024 * 1024;

const OPTIONS: Readonly<Record<keyof UnpackLimits, string>> = {
  maxBytes: "--max-bytes",
  maxFileBytes: "--max-file-bytes",
  maxEntries: "--max-entries",
  maxPath: "--max-path",
  maxDepth: "--max-depth",
  maxXattrBytes: "--max-xattr-bytes",
  maxRatio: "--max-ratio",
};

export function overLimit(name: keyof UnpackLimits, value: number, what: string): LadingError {
  const option = OPTIONS[name];
  const space = name === "maxBytes" ? "free some space on the disk, or, " : "";
  return new LadingError("limit-exceeded", `${what}, more than the ${value} that are allowed`, {
    limit: { name: option, value },
    hint: `${space}if you trust the image, raise the limit with ${option}`,
  });
}
