import type { BundleOptions, BundleResult } from "./bundle/bundle.ts";
import type { Lading } from "./open.ts";
import { open } from "./open.ts";
import type { PullOptions, PullResult } from "./pull.ts";
import type { OpenOptions } from "./session.ts";
import type { UnpackOptions, UnpackResult } from "./unpack/unpack.ts";

/**
 * Pulls one image. For more than one call, {@link open} keeps sockets, tokens and the store between
 * them.
 *
 * @example
 * ```ts
 * import { pull } from "lading";
 *
 * const image = await pull("ghcr.io/stefanprodan/podinfo:6.7.0", { platform: "linux/arm64" });
 * console.log(image.reference, image.digest);
 * ```
 */
export function pull(
  reference: string,
  options: OpenOptions & PullOptions = {},
): Promise<PullResult> {
  return once(options, (lading) => lading.pull(reference, { lease: false, ...options }));
}

/** Makes a directory that holds exactly what an image's layers come to. */
export function unpack(
  reference: string,
  directory: string,
  options: OpenOptions & UnpackOptions = {},
): Promise<UnpackResult> {
  return once(options, (lading) => lading.unpack(reference, directory, options));
}

/** Makes an OCI runtime bundle of an image. */
export function bundle(
  reference: string,
  directory: string,
  options: OpenOptions & BundleOptions = {},
): Promise<BundleResult> {
  return once(options, (lading) => lading.bundle(reference, directory, options));
}

async function once<T>(options: OpenOptions, work: (lading: Lading) => Promise<T>): Promise<T> {
  const lading = await open(options);
  try {
    return await work(lading);
  } finally {
    await lading.close();
  }
}
