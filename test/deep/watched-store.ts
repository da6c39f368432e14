import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isBusy, openDatabase } from "../../src/disk/sqlite.ts";
import { type Digest, parseDigest } from "../../src/oci/digest.ts";
import { children, parseManifest } from "../../src/oci/manifest.ts";
import { isManifestType } from "../../src/oci/media-types.ts";

/** What one can see in a store from outside, at any moment. */
export class WatchedStore {
  readonly root: string;
  readonly #whole = new Set<string>();
  #looking = true;

  constructor(root: string) {
    this.root = root;
  }

  /** Looks again and again until `stop`; resolves to how often. Throws at what is not whole. */
  async watch(): Promise<number> {
    let looks = 0;
    for (; this.#looking; looks += 1) {
      await this.look();
      await setImmediate();
    }
    return looks;
  }

  stop(): void {
    this.#looking = false;
  }

  async look(): Promise<void> {
    await this.#lookAtCatalog();
    await this.#lookAtNames();
    await this.#lookAtBlobs();
  }

  async blobs(): Promise<readonly string[]> {
    return readdir(join(this.root, "blobs", "sha256")).catch(() => []);
  }

  /** Every blob that has its name has its content. */
  async #lookAtBlobs(): Promise<void> {
    for (const hex of await this.blobs()) {
      if (this.#whole.has(hex)) continue;
      const bytes = await readFile(join(this.root, "blobs", "sha256", hex));
      const actual = createHash("sha256").update(bytes).digest("hex");
      if (actual !== hex) throw new Error(`${hex} is visible with ${bytes.length} wrong bytes`);
      this.#whole.add(hex);
    }
  }

  async #lookAtNames(): Promise<void> {
    const path = join(this.root, "index.json");
    if (!existsSync(path)) return;
    const index = parseManifest(await readFile(path), {
      mediaType: "application/vnd.oci.image.index.v1+json",
    });
    for (const child of children(index)) await this.#wholeBelow(child.digest, child.mediaType);
  }

  async #lookAtCatalog(): Promise<void> {
    const path = join(this.root, "catalog.db");
    if (!existsSync(path) || (await stat(path)).size === 0) return;
    const database = await openDatabase(path);
    try {
      const tables = database.prepare("SELECT name FROM sqlite_master WHERE name = 'image'").all();
      if (tables.length === 0) return;
      const rows = database
        .prepare("SELECT manifest.digest, media_type FROM image JOIN manifest ON manifest = digest")
        .all();
      for (const row of rows) {
        await this.#wholeBelow(parseDigest(String(row.digest)), String(row.media_type));
      }
    } catch (error) {
      // Somebody is making or closing it: what it says is seen at the next look.
      if (!isBusy(error)) throw error;
    } finally {
      database.close();
    }
  }

  async #wholeBelow(digest: Digest, mediaType: string): Promise<void> {
    const bytes = await readFile(join(this.root, "blobs", digest.replace(":", "/")));
    if (!isManifestType(mediaType)) return;
    const manifest = parseManifest(bytes, { mediaType });
    for (const child of children(manifest)) await this.#wholeBelow(child.digest, child.mediaType);
  }
}
