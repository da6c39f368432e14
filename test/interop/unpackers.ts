import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Snapshot, snapshot } from "../rootfs/snapshot.ts";

const run = promisify(execFile);

/** Puts an image of an OCI layout on disk and lists what came of it. */
export type Unpacker = (layout: string, tag: string, folder: string) => Promise<Snapshot>;

export const unpackers: { readonly umoci: Unpacker; readonly buildah: Unpacker } = {
  async umoci(layout, tag, folder) {
    const root = join(folder, "umoci");
    await run("umoci", ["raw", "unpack", "--image", `${layout}:${tag}`, root]);
    return snapshot(root);
  },

  /**
   * With vfs, which unpacks each layer over a copy of the one below. Its overlay driver unpacks each
   * layer alone: parents without an entry, links into lower layers and entries below a lower symlink
   * then come out otherwise, or not at all.
   */
  async buildah(layout, tag, folder) {
    const [root, state] = [join(folder, "buildah"), join(folder, "buildah-state")];
    await mkdir(state, { recursive: true });
    const common = ["--root", root, "--runroot", state, "--storage-driver", "vfs"];
    const buildah = (...args: string[]): Promise<{ stdout: string }> =>
      run("buildah", [...common, ...args], { timeout: 600_000 });
    await buildah("from", "--name", "image", "--isolation", "chroot", `oci:${layout}:${tag}`);
    const { stdout } = await buildah("mount", "image");
    const listed = await snapshot(stdout.trim());
    await buildah("umount", "image");
    return listed;
  },
};
