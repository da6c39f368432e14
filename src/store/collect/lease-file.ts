import { readRegular } from "../../disk/file.ts";
import { replaceFile } from "../../disk/publish.ts";
import { LadingError } from "../../errors.ts";
import { type Descriptor, parseDescriptor } from "../../oci/descriptor.ts";
import { type DiffId, parseDiffId } from "../../oci/digest.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "../../oci/json.ts";
import type { LeasePurpose } from "../types.ts";

/** A lease as it stands in `leases/`. */
export interface LeaseFile {
  readonly roots: readonly Descriptor[];
  /** Milliseconds since the epoch. */
  readonly created?: number;
  /** Until when it lives without its holder. */
  readonly expires?: number;
  /** With one it lives until somebody removes it. */
  readonly purpose?: LeasePurpose;
  /** Unpacked layers that are in use, bottom first: kept whatever else is lost. */
  readonly layers?: readonly DiffId[];
}

const MAX_BYTES = 1024 * 1024;

export async function writeLease(path: string, lease: LeaseFile): Promise<void> {
  const roots = lease.roots.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
  await replaceFile(path, new TextEncoder().encode(JSON.stringify({ ...lease, roots })));
}

/** A lease that can't be read stops the caller: what it protects is unknown. */
export async function readLease(path: string): Promise<LeaseFile> {
  try {
    const bytes = await readRegular(path, MAX_BYTES);
    return parseLease(parseJson(bytes, { what: "lease", maxBytes: MAX_BYTES }));
  } catch (cause) {
    throw new LadingError("store-corrupt", "a lease of the store can't be read", {
      path,
      cause,
      hint: "remove the file if nothing runs from this store",
    });
  }
}

function parseLease(lease: JsonValue): LeaseFile {
  if (!isObject(lease) || !Array.isArray(lease.roots)) throw malformed("roots");
  const { expires, created, purpose, layers } = lease;
  return {
    roots: lease.roots.map((root, position) => parseDescriptor(root, `lease, roots[${position}]`)),
    ...(typeof expires === "number" ? { expires } : {}),
    ...(typeof created === "number" ? { created } : {}),
    ...(isObject(purpose) ? { purpose: parsePurpose(purpose) } : {}),
    ...(Array.isArray(layers) ? { layers: layers.map((layer) => parseDiffId(String(layer))) } : {}),
  };
}

function parsePurpose({ kind, path }: JsonObject): LeasePurpose {
  if (kind === "overlay") return { kind };
  if ((kind === "mount" || kind === "bundle") && typeof path === "string") return { kind, path };
  throw malformed("purpose");
}

function malformed(field: string): LadingError {
  return new LadingError("malformed", `the lease's ${field} can't be understood`);
}
