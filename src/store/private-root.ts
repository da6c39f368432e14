import { chmod, readdir, stat } from "node:fs/promises";
import { FOLDER_MODE } from "../disk/folder.ts";
import { isTemporary } from "../disk/publish.ts";
import type { Layout } from "./layout.ts";

/**
 * Keeps others out of a root that was there before the store, as they are of one that lading made. Only
 * a folder of our own that holds nothing but the store: not the /tmp or the home that a slip may name.
 */
export async function keepRootPrivate({ root }: Layout): Promise<void> {
  const found = await stat(root);
  const open = (found.mode & 0o077) !== 0;
  if (!open || found.uid !== process.geteuid?.() || (found.mode & STICKY) !== 0) return;
  const names = await readdir(root);
  if (!names.every((name) => OWN.has(name) || isTemporary(name))) return;
  await chmod(root, FOLDER_MODE).catch(() => {});
}

const STICKY = 0o1000;

const OWN: ReadonlySet<string> = new Set([
  "oci-layout",
  "index.json",
  "blobs",
  "ingest",
  "layers",
  "staging",
  "discarded",
  "mounts",
  "leases",
  "lock",
  "quarantine",
  "catalog.db",
  "catalog.db-wal",
  "catalog.db-shm",
  "catalog.db-journal",
]);
