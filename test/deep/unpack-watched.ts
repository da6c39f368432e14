import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { differences, type Snapshot, snapshot } from "../rootfs/snapshot.ts";
import { WatchedStore } from "./watched-store.ts";

/** What an undisturbed unpack came to. */
export interface Expected {
  readonly target?: Snapshot;
  /** By `HEX/FORM`. */
  readonly layers: ReadonlyMap<string, UnpackedLayer>;
}

export interface UnpackedLayer {
  /** Its `layer.json` and `marks.json`. */
  readonly record: string;
  readonly rootfs: Snapshot;
}

/** A store and a target as somebody else sees them while they are filled. */
export class WatchedUnpack {
  readonly store: WatchedStore;
  readonly target: string;
  readonly #expected: Expected;
  readonly #whole = new Set<string>();
  #looking = true;

  constructor(root: string, target: string, expected: Expected) {
    this.store = new WatchedStore(root);
    this.target = target;
    this.#expected = expected;
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
    await this.store.look();
    await this.#lookAtTarget();
    for (const key of await layersIn(this.store.root)) await this.#lookAtLayer(key);
  }

  /** It is not there, or it is whole; one that is filled in place says that it is not yet. */
  async #lookAtTarget(): Promise<void> {
    const names = await readdir(this.target).catch(() => undefined);
    if (names === undefined || names.some((name) => name === ".lading-incomplete")) return;
    const { ino } = await lstat(this.target);
    if (names.every(isOfTheMaking) && this.#expected.target?.size !== 1) return;
    await this.#once(`target ${ino}`, async () =>
      differences(this.#expected.target ?? new Map(), await snapshot(this.target), {
        ignore: (path, field) =>
          isOfTheMaking(path) || (path === "" && field === "mtimeNs" && names.some(isOfTheMaking)),
      }),
    );
  }

  async #lookAtLayer(key: string): Promise<void> {
    const expected = this.#expected.layers.get(key);
    if (expected === undefined) throw new Error(`there is a layer ${key}`);
    await this.#once(key, async () => {
      const { record, rootfs } = await unpackedLayer(this.store.root, key);
      const same = record === expected.record ? [] : [`${key}: ${record}`];
      return [...same, ...layerDifferences(expected.rootfs, rootfs)];
    });
  }

  async #once(what: string, compare: () => Promise<readonly string[]>): Promise<void> {
    if (this.#whole.has(what)) return;
    const found = await compare();
    if (found.length > 0) throw new Error(`${what} is visible and not whole:\n${found.join("\n")}`);
    this.#whole.add(what);
  }
}

/** In two unpacked layers; an overlay's whiteouts have no time of their own. */
export function layerDifferences(left: Snapshot, right: Snapshot): string[] {
  return differences(left, right, {
    ignore: (_, field, a) => field === "mtimeNs" && a?.device === "0:0",
  });
}

/** In a target that is filled in place: the workshop, and what mkfs made. */
function isOfTheMaking(path: string): boolean {
  return path.startsWith(".lading-") || path.startsWith("lost+found");
}

export async function layersIn(root: string): Promise<readonly string[]> {
  const folder = join(root, "layers", "sha256");
  const keys: string[] = [];
  for (const hex of await readdir(folder).catch(() => [])) {
    for (const form of await readdir(join(folder, hex))) keys.push(`${hex}/${form}`);
  }
  return keys.sort();
}

export async function unpackedLayers(root: string): Promise<ReadonlyMap<string, UnpackedLayer>> {
  const layers = new Map<string, UnpackedLayer>();
  for (const key of await layersIn(root)) layers.set(key, await unpackedLayer(root, key));
  return layers;
}

async function unpackedLayer(root: string, key: string): Promise<UnpackedLayer> {
  const folder = join(root, "layers", "sha256", key);
  const names = (await readdir(folder)).sort();
  if (names.join() !== "layer.json,marks.json,rootfs") {
    throw new Error(`${key} holds ${names.join()}`);
  }
  const documents = ["layer.json", "marks.json"].map((name) =>
    readFile(join(folder, name), "utf8"),
  );
  return {
    record: (await Promise.all(documents)).join(""),
    rootfs: await snapshot(join(folder, "rootfs")),
  };
}
