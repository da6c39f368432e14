import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterEach } from "vitest";

/** Why mounting can't be tested here; `false` where it can. */
export const cannotMount: string | false =
  process.platform !== "linux" || process.geteuid?.() !== 0 ? "needs root on Linux" : tryMount();

const mounts: string[] = [];

/** Mounts a stack read-only by mount(8), so that nothing of lading judges what lading made. */
export async function mountStack(
  folder: string,
  lower: readonly string[],
  userxattr = false,
): Promise<string> {
  const target = await mkdtemp(join(folder, "merged-"));
  const none = await mkdtemp(join(folder, "none-"));
  // The kernel takes no single lower directory.
  const lowerdir = (lower.length < 2 ? [...lower, none] : lower).join(":");
  const options = userxattr ? `userxattr,lowerdir=${lowerdir}` : `lowerdir=${lowerdir}`;
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", options, target], { stdio: "pipe" });
  mounts.push(target);
  return target;
}

/** A file system of its own below a folder; an overlay, for example, on which no whiteout can be made. */
export async function mountOverlayBelow(folder: string): Promise<string> {
  const [lower, upper, work, target] = ["lower", "upper", "work", "target"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  for (const path of [lower, upper, work, target]) await mkdir(path);
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", options, target], { stdio: "pipe" });
  mounts.push(target);
  return target;
}

export function unmountAfterTest(target: string): void {
  mounts.push(target);
}

afterEach(() => {
  for (const target of mounts.splice(0)) {
    try {
      execFileSync("umount", ["--lazy", target], { stdio: "pipe" });
    } catch {
      // What the test unmounted itself.
    }
  }
});

function tryMount(): string | false {
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "pipe" });
    execFileSync("grep", ["-q", "overlay", "/proc/filesystems"], { stdio: "pipe" });
    return false;
  } catch {
    return "needs the right to mount overlays";
  }
}
