import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { processIdentity } from "../../src/disk/process-identity.ts";
import type { DiffId } from "../../src/oci/digest.ts";
import { Layout } from "../../src/store/layout.ts";
import { openStore } from "../../src/store/local-store.ts";
import { type MountRecord, writeMountRecord } from "../../src/store/mounts/mount-record.ts";
import { createRegistry, type MadeImage, type TestRegistry } from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import { built, runChild } from "../child.ts";
import { layersIn, someFiles, tagImage } from "../layer/unpack-rig.ts";
import { temporaryFolder } from "../temporary.ts";

let registry: TestRegistry;
let root: string;
let lading: Lading;

beforeEach(async () => {
  registry = await createRegistry();
  root = await temporaryFolder();
  lading = await open({ root });
});
afterEach(async () => {
  await lading.close();
  await registry.close();
});

const name = (image: string): string => `${registry.address}/${image}`;

/** An image of a layer of its own and one that all share, pulled and unpacked. */
async function pulled(image: string): Promise<MadeImage> {
  const layers = [someFiles("shared", 2, 1000), someFiles(image.replace(":", "-"), 3, 500)];
  const made = tagImage(registry.content, layers, "gzip", image);
  await lading.pull(name(image), { unpack: true, lease: false });
  return made;
}

describe("unpacked layers and collection", () => {
  it("frees the layers that no image has any more, and keeps those that one still has", async () => {
    const a = await pulled("app:a");
    await pulled("app:b");
    await lading.remove(name("app:a"));
    const dry = await lading.collect({ dryRun: true });
    const own = a.diffIds[1];
    expect(dry.layers).toEqual([{ diffId: own, size: 1500 }]);
    expect((await layersIn(root)).published).toHaveLength(3);
    const report = await lading.collect();
    expect(report).toMatchObject({ layers: dry.layers, bytes: dry.bytes });
    const { published, staged } = await layersIn(root);
    expect(published).toHaveLength(2);
    expect(published.some((layer) => layer.startsWith(own?.slice(7) ?? "-"))).toBe(false);
    expect(staged).toEqual([]);
    expect((await lading.collect()).layers).toEqual([]);
  });

  it("keeps what a lease names until the lease is removed", async () => {
    const { descriptor } = await pulled("app:a");
    await using store = await openStore({ root });
    const purpose = { kind: "bundle", path: "/no/such/bundle" } as const;
    const lease = await store.leaseFor({ purpose, roots: [descriptor] });
    await lading.remove(name("app:a"));
    expect(await lading.collect()).toMatchObject({ blobs: [], layers: [] });
    expect(await lading.leases()).toMatchObject([{ ...purpose, id: lease.id, exists: false }]);
    await lading.removeLease(lease.id);
    expect((await lading.collect()).layers).toHaveLength(2);
    await expect(lading.removeLease(lease.id)).rejects.toMatchObject({ code: "not-found" });
  });

  it("keeps the layers that a lease names though the image's config is lost", async () => {
    const { descriptor, diffIds, config } = await pulled("app:a");
    await using store = await openStore({ root });
    const purpose = { kind: "overlay" } as const;
    await store.leaseFor({ purpose, roots: [descriptor], layers: diffIds });
    await lading.remove(name("app:a"));
    await writeFile(store.layout.blob(config.digest), "{");
    expect((await lading.collect()).layers).toEqual([]);
  });

  it("keeps what is mounted, whatever else is gone", async () => {
    const { descriptor, diffIds } = await pulled("app:a");
    await lading.remove(name("app:a"));
    const record = await mounted(diffIds, descriptor.digest, undefined);
    expect((await lading.collect()).layers).toEqual([]);
    // A process that has ended mounts nothing any more.
    const child = runChild("setInterval(() => {}, 1000); say('up')");
    await child.said("up");
    const pid = child.process.pid ?? 0;
    const identity = (await processIdentity(pid)) ?? "";
    await writeMountRecord(layout(), { ...record, process: { pid, identity } });
    expect((await lading.collect()).layers).toEqual([]);
    await child.kill();
    expect((await lading.collect()).layers).toHaveLength(2);
  });

  it("removes directories that their owner may not write to", async () => {
    const files = someFiles("a", 2, 10).map((file) =>
      file.type === "directory" ? { ...file, mode: 0o555 } : file,
    );
    tagImage(registry.content, [files], "gzip", "app:locked");
    await lading.pull(name("app:locked"), { unpack: true, lease: false });
    await lading.remove(name("app:locked"));
    if (process.geteuid?.() !== 0) {
      await lading.collect();
      expect((await layersIn(root)).published).toEqual([]);
      return;
    }
    // As root no mode is in the way: somebody else collects.
    await lading.close();
    await chmod(root, 0o777);
    await give(root, 65534);
    const store = JSON.stringify(built("store/local-store.js"));
    const child = runChild(`
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      const { openStore } = await import(${store});
      const store = await openStore({ root: ${JSON.stringify(root)} });
      say(String((await store.collect()).layers.length));
    `);
    expect(await child.ended()).toBe(0);
    expect(child.output).toBe("1\n");
    expect((await layersIn(root)).published).toEqual([]);
    lading = await open({ root });
  });

  it("clears the staging of what nobody writes", async () => {
    await pulled("app:a");
    await mkdir(join(root, "staging", "sha256-dead", "rootfs"), { recursive: true });
    await lading.collect();
    expect(await readdir(join(root, "staging"))).toEqual([]);
  });

  it("frees fix-up layers whose very chain no image has", async () => {
    const { diffIds } = await pulled("app:a");
    const [kept, gone] = ["a".repeat(64), "b".repeat(64)];
    for (const [key, chain] of [
      [kept, diffIds],
      [gone, [...diffIds].reverse()],
    ] as const) {
      const folder = join(root, "layers", "fixup", key, "preserve");
      await mkdir(join(folder, "rootfs"), { recursive: true });
      await writeFile(join(folder, "fixup.json"), JSON.stringify({ chain, bytes: 7 }));
    }
    expect(await lading.collect()).toMatchObject({ layers: [], bytes: 7 });
    expect(await readdir(join(root, "layers", "fixup"))).toEqual([kept]);
  });
});

const layout = (): Layout => new Layout(root);

async function mounted(
  chain: readonly DiffId[],
  digest: MountRecord["digest"],
  process: MountRecord["process"],
): Promise<MountRecord> {
  const record: MountRecord = {
    id: "0123456789ab",
    reference: name("app:a"),
    digest,
    path: "/no/such/place",
    chain,
    writable: false,
    kind: "overlay",
    made: false,
    lease: undefined,
    process,
    created: 0,
  };
  await mkdir(join(root, "mounts", record.id), { recursive: true });
  await writeMountRecord(layout(), record);
  return record;
}

async function give(path: string, id: number): Promise<void> {
  const { lchown } = await import("node:fs/promises");
  await lchown(path, id, id);
  if (!(await stat(path)).isDirectory()) return;
  for (const child of await readdir(path)) await give(join(path, child), id);
}
