import { access, constants, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { errno, onDisk } from "../disk/disk-error.ts";
import { makeFolder } from "../disk/folder.ts";
import { replaceFile } from "../disk/publish.ts";
import { LadingError } from "../errors.ts";
import { type DiffId, type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";

/** Where a store keeps what. Digests are checked before they are made, so each path stays inside. */
export class Layout {
  readonly root: string;

  constructor(root: string) {
    this.root = resolve(root);
  }

  get index(): string {
    return join(this.root, "index.json");
  }
  get catalog(): string {
    return join(this.root, "catalog.db");
  }
  get ingests(): string {
    return join(this.root, "ingest");
  }
  get leases(): string {
    return join(this.root, "leases");
  }
  get quarantine(): string {
    return join(this.root, "quarantine");
  }
  get blobs(): string {
    return join(this.root, "blobs");
  }

  blobFolder(algorithm: string): string {
    return join(this.blobs, algorithm);
  }

  blob(digest: Digest): string {
    return join(this.blobs, digestAlgorithm(digest), digestHex(digest));
  }

  /** Downloads of a digest are `<alg>-<hex>.<generation>`. */
  ingest(digest: Digest): string {
    return join(this.ingests, `${digestAlgorithm(digest)}-${digestHex(digest)}`);
  }

  get layers(): string {
    return join(this.root, "layers");
  }
  get discards(): string {
    return join(this.root, "discarded");
  }
  /** Where layers are written before they are whole. */
  get staging(): string {
    return join(this.root, "staging");
  }

  /** Says that a layer's blob was given up once it was unpacked. */
  discarded(digest: Digest): string {
    return join(this.discards, `${digestAlgorithm(digest)}-${digestHex(digest)}`);
  }

  /** All forms of an unpacked layer. */
  layerFolder(diffId: DiffId): string {
    return join(this.layers, digestAlgorithm(diffId), digestHex(diffId));
  }

  layer(diffId: DiffId, form: string): string {
    return join(this.layerFolder(diffId), form);
  }

  /** What makes stacks of some layers exact, by their chain. */
  get fixups(): string {
    return join(this.layers, "fixup");
  }
  /** What is mounted, and what its mounts need beside the layers. */
  get mounts(): string {
    return join(this.root, "mounts");
  }

  lock(name: string): string {
    return join(this.root, "lock", name);
  }
}

/** `$LADING_ROOT`, else `$XDG_DATA_HOME/lading`, else `~/.local/share/lading`. */
export function defaultRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env.LADING_ROOT) return env.LADING_ROOT;
  return join(env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "lading");
}

const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}';

/** Makes what is missing of a store's folders; refuses a root that is something else. */
export async function prepareLayout(layout: Layout): Promise<void> {
  if (await isPrepared(layout)) return;
  await refuseForeignRoot(layout);
  await makeFolder(layout.root);
  const folders = [layout.blobFolder("sha256"), layout.ingests, layout.leases, layout.lock("")];
  for (const folder of folders) await makeFolder(folder);
  await onDisk("opening the store", layout.root, () => access(layout.root, constants.W_OK));
  const marker = join(layout.root, "oci-layout");
  await replaceFile(marker, new TextEncoder().encode(OCI_LAYOUT));
}

async function isPrepared(layout: Layout): Promise<boolean> {
  try {
    const marker = await readFile(join(layout.root, "oci-layout"), "utf8");
    await Promise.all([layout.ingests, layout.leases, layout.lock("")].map((path) => stat(path)));
    // One on a read-only file system is as good as it was, for reading.
    return marker.length > 0 && (await writeError(layout)) !== "EACCES";
  } catch {
    return false;
  }
}

/** Why the store can't be written: `EROFS`, `EACCES`; `undefined` when it can. */
export async function writeError(layout: Layout): Promise<string | undefined> {
  return access(layout.root, constants.W_OK).then(() => undefined, errno);
}

async function refuseForeignRoot(layout: Layout): Promise<void> {
  const root = await stat(layout.root).catch((error: unknown) => {
    if (errno(error) === "ENOENT") return undefined;
    return onDisk("opening the store", layout.root, () => Promise.reject(error));
  });
  if (root === undefined || root.isDirectory()) return;
  throw new LadingError("disk", "the store's root is a file, not a folder", {
    path: layout.root,
    hint: "choose a folder with --root or LADING_ROOT",
  });
}
