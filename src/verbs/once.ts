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
 * const image = await pull("docker.io/library/alpine:3.20");
 * console.log(image.reference, image.digest);
 * ```
 */
export function pull(
  reference: string,
  options: OpenOptions & PullOptions = {},
): Promise<PullResult> {
  return once(options, (lading) => lading.pull(reference, { lease: false, ...options }));
}

/**
 * Makes a directory that holds exactly what an image's layers come to (image-spec, layer.md), and opens
 * and closes lading for it.
 *
 * The directory is not there or empty, else `force` lays the image over what it holds. It appears
 * whole, or not at all; a mount point is filled in place. Of the result, `path` is where it is,
 * `entries` counts those of the layers' tars, `written` and `transferred` are bytes, `ms` is
 * milliseconds. What could not be kept as the image has it is told to `onEvent`, in one `warning`.
 *
 * @throws {LadingError} with the code
 * - `usage`: an option can't be so, or `ownership: "preserve"` without being root
 * - `invalid-reference`, `not-found`, `platform-not-found`: there is no such image
 * - `unauthorized`, `refused`, `network`, `rate-limited`, `registry-unavailable`: the registry
 * - `verification-failed`: bytes are not those of the digest, or of the diff ID
 * - `malformed`: a document, a compressed layer or its tar is broken, or leads outside the root
 * - `unsupported`: an artifact, a compression, or names and ids that can't be on this disk
 * - `limit-exceeded`: more than `limits` allows, or than the disk has room for
 * - `disk`: the target is not empty or not writable, or the disk is full
 * - `store-corrupt`, `store-busy`: the local store
 * - `aborted`: `signal` fired
 *
 * @example
 * ```ts
 * import { unpack } from "lading";
 *
 * const { path, layers, written } = await unpack("docker.io/library/alpine:3.20", "rootfs", {
 *   ownership: "squash",
 *   limits: { maxBytes: 10 * 1024 ** 3 },
 *   onEvent: (event) => event.type === "warning" && console.error(event.message),
 * });
 * console.log(path.endsWith("rootfs") && layers > 0 && written > 0); // true
 * ```
 */
export function unpack(
  reference: string,
  directory: string,
  options: OpenOptions & UnpackOptions = {},
): Promise<UnpackResult> {
  return once(options, (lading) => lading.unpack(reference, directory, options));
}

/**
 * Makes an OCI runtime bundle of an image (runtime-spec, bundle.md): a directory with `rootfs`, as
 * {@link unpack} makes it, and a `config.json` made of the image's config (image-spec,
 * conversion.md), for runc or crun to start.
 *
 * The result is that of {@link unpack}, but `path` is the bundle's, and `lease` the ID of what keeps the
 * image in the store until `removeLease` ends it.
 *
 * @throws {LadingError} what {@link unpack} throws, and with the code
 * - `usage`: `rootless` and a user whom the one id is not for
 * - `malformed`, `unsupported`: the config is broken, or its image's user or system is none we know
 * - `limit-exceeded`, `refused`: a passwd that is too large, a working directory that is no directory
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { bundle } from "lading";
 *
 * const { path } = await bundle("docker.io/library/alpine:3.20", "box", { args: ["id"], user: "7:8" });
 * const { process } = JSON.parse(await readFile(`${path}/config.json`, "utf8"));
 * console.log(process.args[0], process.user.uid === 7); // id
 * ```
 */
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
