import { LadingError } from "../../errors.ts";
import type { ExecutionConfig, ImageConfig } from "../../oci/config.ts";
import { imageAnnotations } from "./annotations.ts";
import { capabilitiesFor, defaultLinux, defaultMounts, OCI_VERSION } from "./defaults.ts";
import { environment } from "./environment.ts";
import { type RootlessIds, rootless } from "./rootless.ts";
import type { RuntimeSpec } from "./spec-types.ts";
import type { ResolvedUser } from "./user.ts";
import { workingDirectory } from "./working-directory.ts";

export interface RuntimeSpecOptions {
  readonly user: ResolvedUser;
  /** Instead of the image's entrypoint and command. */
  readonly args?: readonly string[] | undefined;
  /** Default false: the bundle runs from a script as from a shell. */
  readonly terminal?: boolean | undefined;
  /** Default `lading`. */
  readonly hostname?: string | undefined;
  /** For a runtime that is started by this user of the host, not by root. */
  readonly rootless?: RootlessIds | undefined;
  readonly warn?: ((message: string) => void) | undefined;
}

/**
 * The runtime configuration of an image. Whatever the image says ends in the process and the
 * annotations; mounts, namespaces and the root are ours alone.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/conversion.md
 */
export function runtimeSpec(config: ImageConfig, options: RuntimeSpecOptions): RuntimeSpec {
  const { user, terminal = false, hostname = "lading", warn = () => {} } = options;
  const { execution, platform } = config;
  if (platform.os !== "linux") {
    const shown = platform.os.slice(0, 80);
    throw new LadingError("unsupported", `an image for ${shown} can't be made a Linux bundle`, {
      hint: "choose a Linux image with --platform",
    });
  }
  const { uid, gid, additionalGids, home } = user;
  const spec: RuntimeSpec = {
    ociVersion: OCI_VERSION,
    root: { path: "rootfs", readonly: false },
    process: {
      terminal,
      user: { uid, gid, ...(additionalGids.length > 0 ? { additionalGids } : {}) },
      args: commandLine(execution, options.args, warn),
      env: environment(execution.env, { home, terminal, warn }),
      cwd: workingDirectory(execution.workingDir),
      capabilities: capabilitiesFor(uid),
      noNewPrivileges: true,
    },
    hostname,
    mounts: defaultMounts(),
    annotations: imageAnnotations(config, warn),
    linux: defaultLinux(),
  };
  return options.rootless === undefined ? spec : rootless(spec, options.rootless, warn);
}

/** A shell where nothing is named, as runc's and umoci's templates have it. */
function commandLine(
  { entrypoint = [], cmd = [] }: ExecutionConfig,
  override: readonly string[] | undefined,
  warn: (message: string) => void,
): readonly string[] {
  const args = override ?? [...entrypoint, ...cmd];
  if (args.some((argument) => argument.includes("\0"))) {
    throw new LadingError("malformed", "the image's command holds a NUL");
  }
  if (args.length > 0) return args;
  warn("the image names no command: the bundle starts sh");
  return ["sh"];
}
