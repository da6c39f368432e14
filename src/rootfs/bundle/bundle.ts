import type { ImageConfig } from "../../oci/config.ts";
import type { ReadImageFile } from "./accounts.ts";
import { type RuntimeSpecOptions, runtimeSpec } from "./runtime-spec.ts";
import type { RuntimeSpec } from "./spec-types.ts";
import { resolveUser } from "./user.ts";

export interface BundleOptions extends Omit<RuntimeSpecOptions, "user" | "warn"> {
  /** Instead of the image's user; resolved in the image just the same. */
  readonly user?: string | undefined;
}

export interface BundleConfig {
  /** What `config.json` holds, beside `rootfs`. */
  readonly spec: RuntimeSpec;
  /** What of the image's wishes was left out, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The `config.json` of an image whose files `read` gives.
 *
 * @throws LadingError `malformed` for an unknown user or an id out of range, `unsupported` for an
 * image that is not for Linux, `refused` for a working directory in `/proc`.
 */
export function bundleConfig(
  config: ImageConfig,
  read: ReadImageFile,
  options: BundleOptions = {},
): BundleConfig {
  const warnings: string[] = [];
  const { user = config.execution.user ?? "", ...rest } = options;
  const spec = runtimeSpec(config, {
    ...rest,
    user: resolveUser(read, user),
    warn: (message) => warnings.push(message),
  });
  return { spec, warnings };
}
