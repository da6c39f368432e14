/**
 * lading: OCI images from a registry to disk, from Node.js, without a daemon.
 *
 * @packageDocumentation
 */
export type { Clock } from "./clock.ts";
export type * from "./content/events.ts";
export type * from "./content/request-trace.ts";
export type { RetryPolicy } from "./content/retry.ts";
export { type ErrorCode, type ErrorContext, LadingError } from "./errors.ts";
export type { Ownership, XattrPolicy } from "./layer/form.ts";
export type { IdRange } from "./layer/id-map.ts";
export type { UnpackLimits } from "./layer/limits.ts";
export type { CloneLink } from "./layer/worker/protocol.ts";
export type { ImageConfig } from "./oci/config.ts";
export type { Descriptor } from "./oci/descriptor.ts";
export type { DiffId, Digest } from "./oci/digest.ts";
export type { ImageIndex, ImageManifest, Manifest } from "./oci/manifest.ts";
export type { Platform } from "./oci/platform.ts";
export { familiarName, formatReference, parseReference, type Reference } from "./oci/reference.ts";
export {
  anonymous,
  type Credential,
  type CredentialOrigin,
  type CredentialRequest,
  type CredentialSource,
  type FoundCredential,
  firstOf,
  hostCredentials,
} from "./registry/auth/credentials.ts";
export { dockerConfig } from "./registry/auth/docker-config.ts";
export type { SavedLogin } from "./registry/auth/saved/list.ts";
export {
  type DefaultCredentials,
  defaultCredentials,
  type Explained,
  type SourceOptions,
} from "./registry/auth/sources/default.ts";
export { type FileOptions, fileCredentials } from "./registry/auth/sources/file.ts";
export type { SettingsProblem } from "./registry/settings/problem.ts";
export type * from "./registry/settings/types.ts";
export type * from "./store/types.ts";
export type { LoginsOptions } from "./verbs/access/list.ts";
export type { LoginOptions, LoginResult } from "./verbs/access/login.ts";
export type { LogoutOptions, LogoutResult } from "./verbs/access/logout.ts";
export type { WhoAmI } from "./verbs/access/whoami.ts";
export type { BundleOptions, BundleResult } from "./verbs/bundle/bundle.ts";
export type { DoctorOptions, DoctorReport } from "./verbs/doctor/doctor.ts";
export type { DoctorStep, StepName, StepState } from "./verbs/doctor/steps.ts";
export type * from "./verbs/fetch.ts";
export type * from "./verbs/inspect.ts";
export type { MountOptions, MountResult } from "./verbs/mount/mount.ts";
export type { OverlayOptions, OverlayResult } from "./verbs/mount/overlay-stack.ts";
export type { RunOptions, RunResult } from "./verbs/mount/run.ts";
export type { UmountOptions, UmountResult } from "./verbs/mount/umount.ts";
export type { RateLimitReport } from "./verbs/network/ratelimit.ts";
export { bundle, pull, unpack } from "./verbs/once.ts";
export { type Lading, open } from "./verbs/open.ts";
export type { PullOptions, PullPolicy, PullResult } from "./verbs/pull.ts";
export type { PulledImage, PulledLayer } from "./verbs/pulled-image.ts";
export type { Limits, OpenOptions } from "./verbs/session.ts";
export type { CheckSettingsOptions, SettingsFile } from "./verbs/settings/check.ts";
export type { ShownEndpoint, ShownSettings } from "./verbs/settings/show.ts";
export type { LayerOptions } from "./verbs/unpack/options.ts";
export type { UnpackTotals } from "./verbs/unpack/totals.ts";
export type { UnpackOptions, UnpackResult } from "./verbs/unpack/unpack.ts";
