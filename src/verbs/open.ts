import type { OperationOptions } from "../content/events.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { ImageIndex } from "../oci/manifest.ts";
import type { Platform } from "../oci/platform.ts";
import type { SavedLogin } from "../registry/auth/saved/list.ts";
import type { RunningServer } from "../server/index.ts";
import type { CollectReport, StoredImage, StoredLease, VerifyReport } from "../store/types.ts";
import type { LoginsOptions } from "./access/list.ts";
import type { LoginOptions, LoginResult } from "./access/login.ts";
import type { LogoutOptions, LogoutResult } from "./access/logout.ts";
import type { WhoAmI } from "./access/whoami.ts";
import type { BundleOptions, BundleResult } from "./bundle/bundle.ts";
import type { DoctorOptions, DoctorReport } from "./doctor/doctor.ts";
import type { FetchBlobOptions, FetchedImage, FetchedManifest, FetchOptions } from "./fetch.ts";
import type { InspectOptions, InspectResult } from "./inspect.ts";
import type { MountOptions, MountResult } from "./mount/mount.ts";
import type { OverlayOptions, OverlayResult } from "./mount/overlay-stack.ts";
import type { RunOptions, RunResult } from "./mount/run.ts";
import type { UmountOptions, UmountResult } from "./mount/umount.ts";
import type { RateLimitReport } from "./network/ratelimit.ts";
import { type PullOptions, type PullResult, pull } from "./pull.ts";
import type { ServeOptions } from "./serve.ts";
import { type OpenOptions, Session } from "./session.ts";
import type { CheckSettingsOptions, SettingsFile } from "./settings/check.ts";
import type { ShownSettings } from "./settings/show.ts";
import type { CollectOptions, RemoveResult, VerifyOptions } from "./store.ts";
import type { UnpackOptions, UnpackResult } from "./unpack/unpack.ts";

/**
 * lading with what lives between calls: the store, the sockets, the tokens in memory.
 *
 * @example
 * ```ts
 * import { open } from "lading";
 *
 * await using lading = await open({ root: "/var/lib/sandbox/images" });
 * const image = await lading.pull("docker.io/library/alpine:3.20");
 * console.log(image.digest, image.images[0]?.layers.length);
 * ```
 */
export interface Lading extends AsyncDisposable {
  pull(reference: string, options?: PullOptions): Promise<PullResult>;
  /**
   * Makes a directory that holds exactly what the image's layers come to: what the function `unpack`
   * does, with its result and its errors.
   */
  unpack(reference: string, directory: string, options?: UnpackOptions): Promise<UnpackResult>;
  /**
   * Makes an OCI runtime bundle, `rootfs` and a `config.json` that runc or crun start: what the function
   * `bundle` does, with its result and its errors.
   */
  bundle(reference: string, directory: string, options?: BundleOptions): Promise<BundleResult>;
  /**
   * The directories that overlayfs merges into an image's root filesystem, top first. A lease keeps them
   * until {@link removeLease}.
   */
  overlayStack(reference: string, options?: OverlayOptions): Promise<OverlayResult>;
  /**
   * Mounts an image's root filesystem on an empty directory, or one that is not there; as root, on
   * Linux. Its layers stay in the store, shared, and overlayfs merges them (kernel documentation,
   * filesystems/overlayfs). Read-only, unless `rw`: then what is written is kept apart until
   * {@link umount}. It outlives this process; its `lease` keeps the layers.
   *
   * Of the result, `path` is where it is seen, `id` and `lease` name it, `digest` is what the reference
   * stood for and `manifest` the image's; `transferred` is bytes, `ms` milliseconds.
   *
   * @throws {LadingError} what the function `unpack` throws, and with the code
   * - `unsupported`: not root, not Linux, no koffi, or a disk that takes no overlayfs whiteouts
   * - `usage`: the directory is in the store
   * - `disk`: it is not empty, something is mounted there, or the kernel refused
   *
   * @example
   * ```ts
   * import { readdir } from "node:fs/promises";
   * import { open } from "lading";
   *
   * await using lading = await open({ root: "/var/lib/sandbox/images" });
   * const { path, writable } = await lading.mount("docker.io/library/alpine:3.20", "mnt");
   * console.log((await readdir(path)).length > 0 && !writable); // true
   * await lading.umount(path);
   * ```
   */
  mount(reference: string, directory: string, options?: MountOptions): Promise<MountResult>;
  /** Undoes that, and ends its lease; what was written goes, unless it is to be kept. */
  umount(directory: string, options?: UmountOptions): Promise<UmountResult>;
  /**
   * Runs a command that sees an image's root filesystem as its working directory and in
   * `LADING_ROOTFS`, and that nobody else sees; without root too, where user namespaces are allowed.
   */
  runMounted(
    reference: string,
    command: readonly string[],
    options?: RunOptions,
  ): Promise<RunResult>;
  /** What is in the store, by name. */
  images(options?: OperationOptions): Promise<readonly StoredImage[]>;
  inspect(reference: string, options?: InspectOptions): Promise<InspectResult>;
  /** Removes a name; its content goes with the next {@link collect}. */
  remove(reference: string, options?: OperationOptions): Promise<RemoveResult>;
  fetchManifest(reference: string, options?: FetchOptions): Promise<FetchedManifest>;
  fetchIndex(
    reference: string,
    options?: OperationOptions,
  ): Promise<FetchedManifest & { readonly manifest: ImageIndex }>;
  fetchManifestAndConfig(reference: string, options?: FetchOptions): Promise<FetchedImage>;
  fetchBlob(
    reference: string,
    digest: string,
    options?: FetchBlobOptions,
  ): Promise<ReadableStream<Uint8Array>>;
  resolvePlatform(
    reference: string,
    platform?: string | Platform,
    options?: OperationOptions,
  ): Promise<Descriptor>;
  tags(reference: string, options?: OperationOptions): AsyncIterable<string>;
  /**
   * Saves credentials for a registry (`ghcr.io`), or for what is below a path on it (`ghcr.io/org`), once
   * the registry has taken them: with the credential helper that is configured, else in lading's own file.
   *
   * @throws {LadingError} with the code
   * - `usage`: that is no registry, a user or password can't be so, or the file can't be read
   * - `unauthorized`: the registry does not take them, or the helper fails; nothing was saved
   * - `refused`, `network`, `rate-limited`, `registry-unavailable`: the registry; nothing was saved
   * - `disk`: the file can't be written
   *
   * @example
   * ```ts
   * import { open } from "lading";
   *
   * await using lading = await open();
   * const { saved, checked } = await lading.login("registry.example", {
   *   username: "me",
   *   password: "pa55",
   * });
   * console.log(saved.path, checked);
   * ```
   */
  login(scope: string, options: LoginOptions): Promise<LoginResult>;
  /** Takes away what {@link login} has saved for exactly that scope; what other tools have saved stays. */
  logout(scope: string, options?: LogoutOptions): Promise<LogoutResult>;
  /** What the credential files and their helpers hold, without the secrets. */
  logins(options?: LoginsOptions): Promise<readonly SavedLogin[]>;
  /**
   * Whose credentials a pull of that reference would bring, and from where, without the secret; of a
   * registry (`ghcr.io`), those for all of it.
   */
  whoami(reference: string, options?: OperationOptions): Promise<WhoAmI>;
  /** How much one may still ask of the registry of an image, where it tells. */
  ratelimit(reference: string, options?: OperationOptions): Promise<RateLimitReport>;
  /**
   * Walks through all that a pull of that reference needs, and says at the first thing that fails what
   * to do about it.
   */
  doctor(reference: string, options?: DoctorOptions): Promise<DoctorReport>;
  /** How a registry (`docker.io`, `registry.lan:5000`) is spoken to: what settings files come to. */
  settings(registry: string): Promise<ShownSettings>;
  /** Of each registry that a settings file names. */
  allSettings(): Promise<readonly ShownSettings[]>;
  /** Reads every settings file, opens the certificates that they name, and says what is wrong. */
  checkSettings(options?: CheckSettingsOptions): Promise<readonly SettingsFile[]>;
  /** Serves the store by the distribution API, on loopback unless told otherwise. */
  serve(options?: ServeOptions): Promise<RunningServer>;
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /** Makes the catalog again from the disk alone. */
  rebuild(options?: OperationOptions): Promise<{ readonly images: number }>;
  /** Leases that outlive their process: of mounts, bundles and overlay stacks, and those with a time. */
  leases(): Promise<readonly StoredLease[]>;
  /** Ends one of them; what it kept goes with the next {@link collect}. */
  removeLease(id: string): Promise<StoredLease>;
  /** Frees what neither a name nor a lease reaches. */
  collect(options?: CollectOptions): Promise<CollectReport>;
  /** Waits for nothing, closes sockets and database; what is under way fails as aborted. */
  close(): Promise<void>;
}

/** Opens lading. The store's folder is made when first needed. */
export async function open(options: OpenOptions = {}): Promise<Lading> {
  const session = new Session(options);
  const fetching = () => import("./fetch.ts");
  const store = () => import("./store.ts");
  return {
    pull: (reference, options) => pull(session, reference, options),
    unpack: async (reference, directory, options) =>
      (await import("./unpack/unpack.ts")).unpack(session, reference, directory, options),
    bundle: async (reference, directory, options) =>
      (await import("./bundle/bundle.ts")).bundle(session, reference, directory, options),
    overlayStack: async (reference, options) =>
      (await import("./mount/overlay-stack.ts")).overlayStack(session, reference, options),
    mount: async (reference, directory, options) =>
      (await import("./mount/mount.ts")).mount(session, reference, directory, options),
    umount: async (directory, options) =>
      (await import("./mount/umount.ts")).umount(session, directory, options),
    runMounted: async (reference, command, options) =>
      (await import("./mount/run.ts")).runMounted(session, reference, command, options),
    images: async (options) => (await store()).images(session, options),
    inspect: async (reference, options) =>
      (await import("./inspect.ts")).inspect(session, reference, options),
    remove: async (reference, options) => (await store()).remove(session, reference, options),
    fetchManifest: async (reference, options) =>
      (await fetching()).fetchManifest(session, reference, options),
    fetchIndex: async (reference, options) =>
      (await fetching()).fetchIndex(session, reference, options),
    fetchManifestAndConfig: async (reference, options) =>
      (await fetching()).fetchManifestAndConfig(session, reference, options),
    fetchBlob: async (reference, digest, options) =>
      (await fetching()).fetchBlob(session, reference, digest, options),
    resolvePlatform: async (reference, platform, options) =>
      (await fetching()).resolvePlatform(session, reference, platform, options),
    tags: async function* (reference, options) {
      yield* (await fetching()).tags(session, reference, options);
    },
    login: async (scope, options) =>
      (await import("./access/login.ts")).login(session, scope, options),
    logout: async (scope, options) =>
      (await import("./access/logout.ts")).logout(session, scope, options),
    logins: async (options) => (await import("./access/list.ts")).logins(session, options),
    whoami: async (reference, options) =>
      (await import("./access/whoami.ts")).whoami(session, reference, options),
    ratelimit: async (reference, options) =>
      (await import("./network/ratelimit.ts")).ratelimit(session, reference, options),
    doctor: async (reference, options) =>
      (await import("./doctor/doctor.ts")).doctor(session, reference, options),
    settings: async (registry) =>
      (await import("./settings/show.ts")).showSettings(session, registry),
    allSettings: async () => (await import("./settings/show.ts")).showAllSettings(session),
    checkSettings: async (options) =>
      (await import("./settings/check.ts")).checkSettings(session, options),
    serve: async (options) => (await import("./serve.ts")).serve(session, options),
    verify: async (options) => (await store()).verify(session, options),
    rebuild: async (options) => (await store()).rebuild(session, options),
    leases: async () => (await import("./mount/leases.ts")).leases(session),
    removeLease: async (id) => (await import("./mount/leases.ts")).removeLease(session, id),
    collect: async (options) => (await store()).collect(session, options),
    close: () => session[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
