import { chmod, readdir, readlink, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../src/content/memory.ts";
import { putBytes, transfer } from "../../src/content/transfer/transfer.ts";
import { LadingError } from "../../src/errors.ts";
import { openStore } from "../../src/store/local-store.ts";
import { built, runChild } from "../child.ts";
import { describeBytes } from "../contract/content-store.ts";
import { temporaryFolder } from "../temporary.ts";

const MiB = 1024 * 1024;

describe("an ingest", () => {
  it("that is killed is resumed from its journal, and what is resumed is verified", async () => {
    const root = await temporaryFolder();
    const bytes = new Uint8Array(12 * MiB).map((_, index) => (index * 7) & 255);
    const descriptor = describeBytes(bytes);
    const child = runChild(`
      import { openStore } from ${JSON.stringify(built("store/local-store.js"))};
      const store = await openStore({ root: ${JSON.stringify(root)} });
      const ingest = await store.ingest(${JSON.stringify(descriptor)});
      const bytes = new Uint8Array(${bytes.length}).map((_, index) => (index * 7) & 255);
      for (let at = 0; at < ${10 * MiB}; at += 65536) ingest.writeAt(at, bytes.subarray(at, at + 65536));
      say("written");
      process.stdin.resume();
    `);
    await child.said("written");
    await child.kill();

    await using store = await openStore({ root });
    const from = new MemoryStore();
    from.put(descriptor.digest, bytes);
    const { transferred } = await transfer(from, store, descriptor, { role: "layer" });
    expect(transferred).toBe(4 * MiB);
    expect(await store.has(descriptor)).toBe(true);
    expect(await readdir(join(root, "ingest"))).toEqual([]);
  });

  it("waits for another process, and takes over when that is killed (origin 4.2, fault 27)", async () => {
    const root = await temporaryFolder();
    const bytes = Buffer.from("taken over");
    const descriptor = describeBytes(bytes);
    const child = runChild(`
      import { openStore } from ${JSON.stringify(built("store/local-store.js"))};
      const store = await openStore({ root: ${JSON.stringify(root)} });
      const ingest = await store.ingest(${JSON.stringify(descriptor)});
      ingest.writeAt(0, new Uint8Array(5));
      say("begun");
      process.stdin.resume();
    `);
    await child.said("begun");
    await using store = await openStore({ root });
    const pids: unknown[] = [];
    const waiting = store.ingest(descriptor, {
      onEvent(event) {
        if (event.type !== "waiting" || event.why.kind !== "same-download") return;
        pids.push(event.why.pid);
        void child.kill();
      },
    });
    const ingest = await waiting;
    expect(pids).toEqual([child.process.pid]);
    ingest?.writeAt(0, bytes);
    await ingest?.commit();
    expect(await store.has(descriptor)).toBe(true);
  });

  it("gives back what it holds a slice at a time, so that no hash needs it in memory (origin 4.2, fault 22)", async () => {
    await using store = await openStore({ root: await temporaryFolder() });
    const bytes = new Uint8Array(8 * MiB).fill(3);
    const ingest = await store.ingest(describeBytes(bytes));
    for (let at = 0; at < bytes.length; at += MiB) {
      await ingest?.writeAt(at, bytes.subarray(at, at + MiB));
    }
    const slices: number[] = [];
    await ingest?.readBack({ start: 0, end: bytes.length }, (slice) => {
      slices.push(slice.length);
    });
    expect(Math.max(...slices)).toBeLessThanOrEqual(MiB);
    expect(slices.reduce((sum, length) => sum + length, 0)).toBe(bytes.length);
    await ingest?.abort({ keep: false });
  });

  it("keeps its files to their owner", async () => {
    const root = join(await temporaryFolder(), "store");
    await using store = await openStore({ root });
    const bytes = Buffer.from("mine");
    const descriptor = describeBytes(bytes);
    await putBytes(store, descriptor, bytes, { role: "other", transferred: 0 });
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    expect((await stat(store.layout.blob(descriptor.digest))).mode & 0o777).toBe(0o600);
  });

  it("keeps its catalog and locks to their owner, whatever SQLite thinks of it", async () => {
    const root = join(await temporaryFolder(), "store");
    await using store = await openStore({ root });
    await store.images();
    await store.touch("nobody.example/app:1");
    const files = (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.map((path) => basename(path))).toEqual(
      expect.arrayContaining(["catalog.db", "catalog.db-wal", "catalog.db-shm", "index"]),
    );
    for (const path of files) expect((await stat(path)).mode & 0o777, path).toBe(0o600);
  });

  it("takes from others a catalog and a root that were open to them", async () => {
    const root = await temporaryFolder();
    {
      await using store = await openStore({ root });
      await store.images();
    }
    await chmod(root, 0o755);
    await chmod(join(root, "catalog.db"), 0o644);
    await using store = await openStore({ root });
    await store.images();
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, "catalog.db"))).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["holds something else", async (root: string) => writeFile(join(root, "letter.txt"), "x")],
    ["is sticky, as /tmp is", async (root: string) => chmod(root, 0o1777)],
  ])("leaves a root alone that %s", async (_, prepare) => {
    const root = await temporaryFolder();
    await chmod(root, 0o755);
    await prepare(root);
    const { mode } = await stat(root);
    await using store = await openStore({ root });
    expect((await stat(store.root)).mode).toBe(mode);
  });

  it("that is refused for want of space leaves no file open", async () => {
    await using store = await openStore({ root: await temporaryFolder() });
    const descriptor = describeBytes(new Uint8Array(2 * MiB));
    const first = await store.ingest(descriptor);
    await first?.writeAt(0, new Uint8Array(MiB));
    await first?.abort({ keep: true });
    for (let n = 0; n < 3; n += 1) {
      await expect(store.ingest({ ...descriptor, size: 2 ** 52 })).rejects.toMatchObject({
        code: "disk",
      });
    }
    const open = await readdir("/proc/self/fd");
    const paths = await Promise.all(
      open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
    );
    expect(paths.filter((path) => path.startsWith(join(store.root, "ingest")))).toEqual([]);
  });

  it("larger than the disk is refused before it begins", async () => {
    await using store = await openStore({ root: await temporaryFolder() });
    const descriptor = { ...describeBytes(Buffer.from("x")), size: 2 ** 52 };
    const error = await store.ingest(descriptor).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(LadingError);
    expect(error).toMatchObject({ code: "disk", hint: expect.stringContaining("gc") });
  });
});
