import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import { tryLock } from "../../src/disk/lock.ts";
import { parseDiffId } from "../../src/oci/digest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { createTar, type TarFile } from "../../src/tar/writer.ts";
import { addImage, addLayer } from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import {
  ignoreRange,
  ScriptedRegistry,
  substitute,
  truncate,
} from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { countOf, layersIn, someFiles, tagImage } from "./unpack-rig.ts";

let registry: ScriptedRegistry;
let root: string;
let lading: Lading;
let events: LadingEvent[];
const onEvent = (event: LadingEvent): void => void events.push(event);

beforeEach(async () => {
  registry = await ScriptedRegistry.start();
  root = await temporaryFolder();
  lading = await open({ root });
  events = [];
});
afterEach(async () => {
  await lading.close();
  await registry[Symbol.asyncDispose]();
});

const reference = (name = "app:1"): string => `${registry.address}/${name}`;
const unpacking = (name?: string): Promise<unknown> =>
  lading.pull(reference(name), { unpack: true, onEvent });

describe("unpacking while a layer arrives", () => {
  it("writes what has come before the rest is there", async () => {
    const image = tagImage(registry.content, [someFiles("a", 20, 100_000)], "none");
    const layer = image.layers[0];
    let goOn = (): void => {};
    const half = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    registry.on(`GET /v2/app/blobs/${layer?.digest}`, async ({ response, reply }) => {
      const { status, headers, body } = reply();
      response.writeHead(status, headers);
      response.write(body.subarray(0, body.length / 2));
      await half;
      response.end(body.subarray(body.length / 2));
    });
    await lading.pull(reference(), {
      unpack: true,
      onEvent(event) {
        onEvent(event);
        // The rest is sent only when files of the first half were reported.
        if (event.type === "unpack-progress" && event.entries > 5) goOn();
      },
    });
    const types = events.map(({ type }) => type);
    expect(types.indexOf("unpack-progress")).toBeLessThan(types.lastIndexOf("verified"));
    expect((await layersIn(root)).published).toHaveLength(1);
  });

  it("begins again when the download does, and keeps nothing of what came before", async () => {
    const image = tagImage(registry.content, [someFiles("a", 30, 100_000)], "none");
    const blob = `GET /v2/app/blobs/${image.layers[0]?.digest}`;
    // Half of it, then the whole instead of the rest: a new generation.
    registry.on(blob, truncate(1_500_000)).on(blob, ignoreRange);
    await unpacking();
    expect(events.some((event) => event.type === "bytes" && event.generation === 1)).toBe(true);
    const { published, staged } = await layersIn(root);
    expect(published).toHaveLength(1);
    expect(staged).toEqual([]);
    const rootfs = join(root, "layers", "sha256", published[0] ?? "", "rootfs");
    expect(await readdir(join(rootfs, "a"))).toHaveLength(30);
  });

  it("publishes nothing of a blob with the wrong digest, whatever its tar holds", async () => {
    const image = tagImage(registry.content, [someFiles("a", 3, 1000)], "none");
    const blob = `GET /v2/app/blobs/${image.layers[0]?.digest}`;
    const other = createTar(someFiles("b", 3, 1000, 2));
    registry.on(blob, substitute(other), 9);
    await expect(unpacking()).rejects.toMatchObject({ code: "verification-failed" });
    expect(await layersIn(root)).toEqual({ published: [], staged: [] });
  });

  it("calls what can't be decoded wrong only when the blob has its digest", async () => {
    const tar = createTar(someFiles("a", 3, 1000));
    const broken = gzipSync(tar).fill(0xff, 200, 300);
    const descriptor = registry.content.add(mediaTypes.ociLayerGzip, broken);
    const diffId = parseDiffId(`sha256:${createHash("sha256").update(tar).digest("hex")}`);
    registry.content.tag("app:1", addImage(registry.content, [{ descriptor, diffId }]).descriptor);
    await expect(unpacking()).rejects.toMatchObject({ code: "malformed" });
    expect(await layersIn(root)).toEqual({ published: [], staged: [] });
    // The blob itself is what its digest says.
    expect(countOf(events, "verified")).toBeGreaterThan(0);
  });

  it("refuses a layer without the diff ID of its config", async () => {
    const layer = addLayer(registry.content, createTar(someFiles("a", 1, 10)), "gzip");
    const diffId = parseDiffId(`sha256:${"0".repeat(64)}`);
    registry.content.tag("app:1", addImage(registry.content, [{ ...layer, diffId }]).descriptor);
    await expect(unpacking()).rejects.toMatchObject({
      code: "verification-failed",
      message: expect.stringContaining("diff ID"),
    });
    expect(await layersIn(root)).toEqual({ published: [], staged: [] });
  });

  it("ends when it is aborted, with nothing half-made", async () => {
    tagImage(registry.content, [someFiles("a", 50, 100_000)], "none");
    const controller = new AbortController();
    const pulled = lading.pull(reference(), {
      unpack: true,
      signal: controller.signal,
      onEvent(event) {
        if (event.type === "unpack-started") controller.abort();
      },
    });
    await expect(pulled).rejects.toMatchObject({ code: "aborted" });
    expect(await layersIn(root)).toEqual({ published: [], staged: [] });
    await unpacking();
    expect((await layersIn(root)).published).toHaveLength(1);
  });
});

describe("the cache of unpacked layers", () => {
  it("keeps one of a layer, whatever images and compressions have it", async () => {
    const shared = someFiles("shared", 3, 1000);
    tagImage(registry.content, [shared, someFiles("a", 1, 10)], "gzip", "app:a");
    tagImage(registry.content, [shared, someFiles("b", 1, 10)], "none", "app:b");
    await unpacking("app:a");
    await unpacking("app:b");
    expect((await layersIn(root)).published).toHaveLength(3);
    const existed = events.filter((event) => event.type === "unpacked" && event.existed);
    expect(existed).toHaveLength(1);
  });

  it("unpacks a layer once for all who want it at one moment", async () => {
    tagImage(registry.content, [someFiles("a", 20, 50_000)]);
    await using other = await open({ root });
    await Promise.all([
      unpacking(),
      unpacking(),
      other.pull(reference(), { unpack: true, onEvent }),
    ]);
    const made = events.filter((event) => event.type === "unpacked" && !event.existed);
    expect(made).toHaveLength(1);
  });

  it("keeps an empty layer like any other", async () => {
    tagImage(registry.content, [[]]);
    await unpacking();
    await unpacking();
    const unpacked = events.flatMap((event) => (event.type === "unpacked" ? [event.existed] : []));
    expect(unpacked).toEqual([false, true]);
  });

  it("keeps each form apart", async () => {
    tagImage(registry.content, [someFiles("a", 1, 10)]);
    await unpacking();
    await lading.pull(reference(), { unpack: { ownership: "squash", xattrs: "none" }, onEvent });
    const { published } = await layersIn(root);
    expect(published).toHaveLength(2);
    expect(countOf(events, "unpack-started")).toBe(2);
  });

  it("does not trust after another boot what was never synced", async () => {
    tagImage(registry.content, [someFiles("a", 1, 10)]);
    await unpacking();
    await asFromAnotherBoot();
    await unpacking();
    expect(countOf(events, "unpack-started")).toBe(2);
  });

  it("trusts after another boot what was synced", async () => {
    tagImage(registry.content, [someFiles("a", 1, 10)]);
    const synced = { unpack: { sync: true }, onEvent };
    await lading.pull(reference(), synced);
    await asFromAnotherBoot();
    await lading.pull(reference(), synced);
    expect(countOf(events, "unpack-started")).toBe(1);
  });

  it("syncs what was unpacked before without, when it is asked to", async () => {
    tagImage(registry.content, [someFiles("a", 1, 10)]);
    await unpacking();
    await lading.pull(reference(), { unpack: { sync: true }, onEvent });
    expect(JSON.parse(await readFile(await recordPath(), "utf8")).synced).toBe(true);
    expect(countOf(events, "unpack-started")).toBe(1);
  });

  it("unpacks again what has a damaged record", async () => {
    tagImage(registry.content, [someFiles("a", 1, 10)]);
    await unpacking();
    await writeFile(await recordPath(), "{");
    await unpacking();
    expect(countOf(events, "unpack-started")).toBe(2);
  });

  it("clears away what a killed process left, and leaves alone what another one writes", async () => {
    const [dead, alive] = [
      join(root, "staging", "sha256-dead"),
      join(root, "staging", "sha256-alive"),
    ];
    for (const folder of [dead, alive])
      await mkdir(join(folder, "rootfs", "x"), { recursive: true });
    await mkdir(join(root, "lock"), { recursive: true });
    const lock = await tryLock(join(root, "lock", "layer-sha256-alive"), "exclusive");
    tagImage(registry.content, [someFiles("a", 1, 10)]);
    await unpacking();
    expect((await layersIn(root)).staged).toEqual(["sha256-alive"]);
    lock?.release();
  });

  async function recordPath(): Promise<string> {
    const [only = ""] = (await layersIn(root)).published;
    return join(root, "layers", "sha256", only, "layer.json");
  }

  async function asFromAnotherBoot(): Promise<void> {
    const path = await recordPath();
    const record = JSON.parse(await readFile(path, "utf8"));
    await writeFile(
      path,
      JSON.stringify({ ...record, bootId: "00000000-0000-0000-0000-000000000000" }),
    );
  }
});

describe("what a layer lost", () => {
  const aufs = (name: string): TarFile => ({ path: `.wh..wh.${name}`, type: "file" });
  const warnings = (): string[] =>
    events.splice(0).flatMap((event) => (event.type === "warning" ? [event.message] : []));
  const told = "not kept as the image has it: 3 × file of AUFS";

  beforeEach(() => {
    const twice = [aufs("plnk")];
    tagImage(registry.content, [twice, [aufs("aufs"), aufs("orph")], twice]);
  });

  it("is told again to whoever takes it from the cache", async () => {
    await unpacking();
    expect(warnings()).toEqual([told]);
    await unpacking();
    expect(warnings()).toEqual([told]);
    await lading.pull(reference(), { unpack: true, policy: "never", onEvent });
    expect(warnings()).toEqual([told]);
    await lading.unpack(reference(), join(root, "flat"), { onEvent });
    expect(warnings()).toEqual([told]);
    await lading.bundle(reference(), join(root, "box"), { args: ["x"], onEvent });
    expect(warnings()).toContain(told);
  });

  it("is told alike when nothing is in the cache", async () => {
    await lading.unpack(reference(), join(root, "flat"), { onEvent });
    expect(warnings()).toEqual([told]);
  });

  it.each([
    ["words that a terminal obeys", { "\u001b[2J": 1 }],
    ["no count", { "device node": -1 }],
    ["more kinds than there are", Object.fromEntries([...Array(101).keys()].map((n) => [n, 1]))],
    ["nothing", undefined],
  ])("is not believed of a record that has %s: the layer is made again", async (_, lost) => {
    await unpacking();
    for (const name of (await layersIn(root)).published) {
      const path = join(root, "layers", "sha256", name, "layer.json");
      const record = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify({ ...record, lost }));
    }
    events.length = 0;
    await unpacking();
    expect(countOf(events, "unpack-started")).toBe(2);
    expect(warnings()).toEqual([told]);
  });
});

describe("one large layer", () => {
  it("is unpacked by two threads to the same result", async () => {
    const files = someFiles("a", 40, 1_000_000);
    tagImage(registry.content, [files], "gzip");
    await using two = await open({ root, limits: { threads: 2 } });
    const [one, split] = [join(root, "one"), join(root, "two")];
    await lading.pull(reference());
    await using single = await open({ root, limits: { threads: 1 } });
    await single.unpack(reference(), one);
    await two.unpack(reference(), split);
    for (const file of files) {
      if (file.type !== "file") continue;
      const [left, right] = await Promise.all(
        [one, split].map((to) => readFile(join(to, file.path))),
      );
      expect(left?.equals(file.content ?? Buffer.alloc(0))).toBe(true);
      expect(right?.equals(file.content ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it("fails in both threads at once when its limit is reached", async () => {
    tagImage(registry.content, [someFiles("a", 40, 1_000_000)], "gzip");
    await using two = await open({ root, limits: { threads: 2 } });
    const unpacked = two.unpack(reference(), join(root, "x"), { limits: { maxBytes: 5_000_000 } });
    await expect(unpacked).rejects.toMatchObject({
      code: "limit-exceeded",
      hint: expect.stringContaining("--max-bytes"),
    });
    expect(await readdir(root)).not.toContain("x");
  });
});

describe("blobs that are discarded once they are unpacked", () => {
  const discarding = { unpack: true, discardBlobs: true, onEvent } as const;
  const asked = (digest = ""): number =>
    registry.asked.filter((line) => line.includes(`GET /v2/app/blobs/${digest}`)).length;

  it("are gone, and the image is there all the same", async () => {
    const image = tagImage(registry.content, [someFiles("a", 3, 1000)]);
    await lading.pull(reference(), discarding);
    const blobs = await readdir(join(root, "blobs", "sha256"));
    expect(blobs).not.toContain(image.layers[0]?.digest.slice("sha256:".length));
    expect(await lading.images()).toHaveLength(1);
    expect((await lading.verify()).broken).toEqual([]);
    expect((await lading.inspect(reference(), { policy: "never" })).from).toBe("store");
  });

  it("are not fetched again for what has their layers", async () => {
    const image = tagImage(registry.content, [someFiles("a", 3, 1000)]);
    await lading.pull(reference(), discarding);
    await lading.pull(reference(), discarding);
    await lading.unpack(reference(), join(root, "flat"), { policy: "never" });
    expect(await readdir(join(root, "flat", "a"))).toHaveLength(3);
    expect(asked(image.layers[0]?.digest)).toBe(1);
  });

  it("are fetched again for what has not", async () => {
    const image = tagImage(registry.content, [someFiles("a", 3, 1000)]);
    await lading.pull(reference(), discarding);
    await lading.unpack(reference(), join(root, "flat"), { ownership: "squash" });
    expect(asked(image.layers[0]?.digest)).toBe(2);
    await lading.pull(reference(), discarding);
    await lading.pull(reference(), { policy: "missing", onEvent });
    expect(asked(image.layers[0]?.digest)).toBe(3);
    expect(await readdir(join(root, "discarded"))).toEqual([]);
  });
});

describe("threads that several pulls share", () => {
  it("are not held by downloads that stand still", async () => {
    await using small = await open({ root, limits: { threads: 1 } });
    const slow = tagImage(registry.content, [someFiles("slow", 2, 400_000)], "none", "app:slow");
    tagImage(registry.content, [someFiles("fast", 2, 1000)], "gzip", "app:fast");
    let goOn = (): void => {};
    const fastIsDone = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    registry.on(`GET /v2/app/blobs/${slow.layers[0]?.digest}`, async ({ response, reply }) => {
      const { status, headers, body } = reply();
      response.writeHead(status, headers);
      response.write(body.subarray(0, 100_000));
      await fastIsDone;
      response.end(body.subarray(100_000));
    });
    const waiting = small.pull(reference("app:slow"), { unpack: true });
    await small.unpack(reference("app:fast"), join(root, "fast"));
    goOn();
    await waiting;
    expect(await readdir(join(root, "fast", "fast"))).toHaveLength(2);
  });

  it("publish each layer when it is whole, not when all are", async () => {
    await using one = await open({ root, limits: { threads: 1 } });
    tagImage(
      registry.content,
      Array.from({ length: 8 }, (_, index) => someFiles(`l${index}`, 5, 1000, index)),
    );
    await one.pull(reference());
    await one.pull(reference(), { unpack: true, onEvent });
    const kinds = events.flatMap(({ type }) => (/^unpack/.test(type) ? [type] : []));
    expect(kinds.indexOf("unpacked")).toBeLessThan(kinds.length - 3);
  });
});

describe("whatever fails", () => {
  it("is told as it was, when a download and a layer fail at one moment", async () => {
    const image = tagImage(registry.content, [someFiles("a", 3, 1000), someFiles("b", 3, 1000)]);
    for (const { digest } of image.layers) {
      registry.on(`GET /v2/app/blobs/${digest}`, substitute(Buffer.alloc(5000)), 9);
    }
    await expect(unpacking()).rejects.toMatchObject({ code: "verification-failed" });
  });

  it.each(["exists", "unpack-started", "unpack-progress", "unpacked"])(
    "in a listener of %s ends the work, and leaves nothing locked",
    async (type) => {
      tagImage(registry.content, [someFiles("a", 300, 50_000)], "none");
      await lading.pull(reference());
      const fault = new Error("of the listener");
      const unpacked = lading.unpack(reference(), join(root, "rootfs"), {
        onEvent(event) {
          if (event.type === type) throw fault;
        },
      });
      await unpacked.then(
        // A small layer may be over before its first report is due.
        () => expect(type).toBe("unpack-progress"),
        (error: unknown) => expect(error).toBe(fault),
      );
      await lading.unpack(reference(), join(root, "again"));
      expect(await readdir(join(root, "again", "a"))).toHaveLength(300);
    },
  );

  it("ends at once when it is aborted before its turn came", async () => {
    await using one = await open({ root, limits: { threads: 1 } });
    tagImage(registry.content, [someFiles("a", 2, 1000), someFiles("b", 2, 1000, 2)]);
    await one.pull(reference());
    const controller = new AbortController();
    const unpacked = one.unpack(reference(), join(root, "rootfs"), {
      signal: controller.signal,
      onEvent: ({ type }) => {
        if (type === "unpack-started") controller.abort();
      },
    });
    await expect(unpacked).rejects.toMatchObject({ code: "aborted" });
    expect(await readdir(root)).not.toContain("rootfs");
  });

  it("counts the limit of bytes over all layers of an image", async () => {
    tagImage(
      registry.content,
      [1, 2, 3].map((n) => someFiles(`l${n}`, 4, 100_000, n)),
    );
    const limits = { maxBytes: 900_000 };
    await expect(lading.unpack(reference(), join(root, "x"), { limits })).rejects.toMatchObject({
      code: "limit-exceeded",
      hint: expect.stringContaining("--max-bytes"),
    });
    await lading.unpack(reference(), join(root, "x"), { limits: { maxBytes: 1_300_000 } });
  });
});
