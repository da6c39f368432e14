import { spawn } from "node:child_process";
import { once } from "node:events";
import { errno } from "../../disk/disk-error.ts";
import { LadingError } from "../../errors.ts";
import type { MountFolder } from "./mount-folder.ts";
import { overlayMountOptions } from "./mount-options.ts";

export interface RunRequest {
  readonly folder: MountFolder;
  /** Where the command sees the mount; a directory that is there. */
  readonly target: string;
  readonly userxattr: boolean;
  readonly command: readonly string[];
  /** Called when the process is there. */
  onStarted(process: StartedProcess): Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface StartedProcess {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
}

/** How a command ended: by itself, or by a signal. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Runs a command that sees a mount which nobody else does, in namespaces of its own: the mount is gone
 * when the last process in there is. Standard streams are the caller's.
 */
export async function runInMount(request: RunRequest): Promise<Ended> {
  const { folder, target, userxattr, command, signal } = request;
  const options = overlayMountOptions({ ...folder.names, userxattr });
  const child = spawn(
    "unshare",
    [...namespaces(), "sh", "-c", SCRIPT, "lading", folder.links, options, target, ...command],
    {
      // The script's own words, until it gives way to the command, come to us.
      stdio: ["inherit", "inherit", "pipe", process.stderr],
      env: { ...process.env, LADING_ROOTFS: target },
    },
  );
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-MOST_WORDS);
  });
  const stop = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const ended = once(child, "close");
    const { pid } = child;
    const kill = (name: NodeJS.Signals): void => void child.kill(name);
    if (pid !== undefined) await request.onStarted({ pid, kill });
    if (signal?.aborted) stop();
    const [code, killed] = (await ended) as [number | null, NodeJS.Signals | null];
    if (!said.includes(MOUNTED) && !signal?.aborted) throw notMounted(said);
    return { code, signal: killed };
  } catch (error) {
    throw errno(error) === "ENOENT" ? noUnshare(error) : error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

const MOST_WORDS = 4096;
const MOUNTED = "lading: mounted";

/**
 * Names in the options are relative to the folder of links. The variable keeps newer mount(8) to one
 * call of mount(2): the other way takes no option of more than 256 bytes.
 */
const SCRIPT = `
cd "$1" || exit 125
LIBMOUNT_FORCE_MOUNT2=always mount -t overlay -o "$2" lading "$3" || exit 125
cd "$3" || exit 125
echo "${MOUNTED}" >&2
exec 2>&3 3>&-
shift 3
exec "$@"
`;

/** Root needs no user namespace, in which it would own nothing but its own files. */
function namespaces(): readonly string[] {
  return process.geteuid?.() === 0 ? ["-m"] : ["-U", "-r", "-m"];
}

function notMounted(said: string): LadingError {
  const words = said.trim().split("\n").slice(0, 3).join("; ");
  return new LadingError("unsupported", `the system lets nothing be mounted: ${words}`, {
    hint: "user namespaces may be off (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns); lading unpack REFERENCE DIRECTORY needs no mount",
  });
}

function noUnshare(cause: unknown): LadingError {
  return new LadingError("unsupported", "there is no program unshare", {
    cause,
    hint: "install util-linux",
  });
}
