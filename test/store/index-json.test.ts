import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { type LocalStore, openStore } from "../../src/store/local-store.ts";
import { built, runChild } from "../child.ts";
import { temporaryFolder } from "../temporary.ts";
import { addImage } from "./add-image.ts";

const NAME = "registry.example/app:1";
const OTHER = "registry.example/app:2";
const REF_NAME = "org.opencontainers.image.ref.name";

describe("index.json", () => {
  it("is there and valid from the start, before anything has a name", async () => {
    await using store = await fresh();
    expect(await readDocument(store)).toEqual({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [],
    });
  });

  it("is not made anew, empty, for a store that lost its own", async () => {
    await using store = await fresh();
    await addImage(store, NAME, { seed: 1 });
    for (const lost of ["index.json", "catalog.db"]) await rm(join(store.root, lost));
    await using again = await openStore({ root: store.root });
    expect(await readdir(again.root)).not.toContain("index.json");
    await expect(again.collect()).rejects.toMatchObject({ code: "store-corrupt" });
  });

  it.each([
    ["damaged", (path: string) => writeFile(path, "{")],
    ["missing", (path: string) => rm(path)],
  ])(
    "that is %s stops collection, and rebuild makes it again from the catalog",
    async (_, harm) => {
      await using store = await fresh();
      const made = await addImage(store, NAME, { seed: 1 });
      await addImage(store, OTHER, { seed: 2 });
      const [before, document] = [await store.images(), await readDocument(store)];
      await harm(store.layout.index);
      await expect(store.collect()).rejects.toMatchObject({
        code: "store-corrupt",
        hint: expect.stringContaining("lading store rebuild"),
      });
      expect(await store.rebuild()).toEqual({ images: 2 });
      expect(await store.images()).toEqual(before);
      expect(await readDocument(store)).toEqual(document);
      expect((await store.collect()).blobs).toEqual([]);
      expect(await store.has(made.descriptor)).toBe(true);
    },
  );

  it("that is damaged is kept in quarantine, and stays where it is when nobody knows better", async () => {
    await using store = await fresh();
    await addImage(store, NAME, { seed: 1 });
    await writeFile(store.layout.index, "{ precious");
    await store.rebuild();
    const [kept = ""] = await readdir(store.layout.quarantine);
    expect(await readFile(join(store.layout.quarantine, kept), "utf8")).toBe("{ precious");

    await writeFile(store.layout.index, "{ precious");
    await store.catalog.remove();
    await expect(store.rebuild()).rejects.toMatchObject({
      code: "store-corrupt",
      hint: expect.stringContaining("pull the images again"),
    });
    expect(await readFile(store.layout.index, "utf8")).toBe("{ precious");
  });

  it("may hold what is no image: it is kept, ignored, and its blob not collected", async () => {
    await using store = await fresh();
    await addImage(store, NAME, { seed: 1 });
    const notes = await addForeign(store, "notes", "application/xml", "<x/>");
    const events: LadingEvent[] = [];
    const images = await store.images({ onEvent: (event) => events.push(event) });
    expect(images.map(({ reference }) => reference)).toEqual([NAME]);
    expect(events).toEqual([]);
    await addImage(store, OTHER, { seed: 2 });
    expect(await store.remove(NAME)).toBeDefined();
    expect((await store.collect()).blobs.length).toBeGreaterThan(0);
    expect(await store.has(notes)).toBe(true);
    expect((await readDocument(store)).manifests).toContainEqual({
      ...notes,
      annotations: { [REF_NAME]: "notes" },
    });
    expect((await store.verify()).broken).toEqual([]);
  });

  it("may name a manifest that nobody understands: the images are listed, and nothing is collected", async () => {
    await using store = await fresh();
    const made = await addImage(store, NAME, { seed: 1 });
    await addForeign(store, "odd", mediaTypes.ociManifest, "<x/>");
    const events: LadingEvent[] = [];
    const images = await store.images({ onEvent: (event) => events.push(event) });
    expect(images.map(({ reference }) => reference)).toEqual([NAME]);
    expect(events).toMatchObject([{ type: "warning", message: expect.stringContaining("odd") }]);
    await store.remove(NAME);
    await expect(store.collect()).rejects.toMatchObject({ code: "malformed" });
    expect(await store.has(made.descriptor)).toBe(true);
  });

  it("gets no name back that was removed while another process looked", async () => {
    await using store = await fresh();
    await addImage(store, NAME, { seed: 1 });
    await using other = await openStore({ root: store.root });
    await addForeign(store, "notes", "application/xml", "<x/>");
    // The other has read index.json and not yet the catalog: between the two the name goes.
    const read = other.catalog.read.bind(other.catalog);
    let removed = false;
    other.catalog.read = async (options, work) => {
      if (!removed) {
        removed = true;
        await store.remove(NAME);
      }
      return read(options, work);
    };
    const events: LadingEvent[] = [];
    const onEvent = (event: LadingEvent): void => void events.push(event);
    expect(await other.images({ onEvent })).toEqual([]);
    expect(await store.images({ onEvent })).toEqual([]);
    expect(events).toEqual([]);
    expect(removed).toBe(true);
  });

  it("tells two processes the same while one names and removes and the other lists", async () => {
    await using store = await fresh();
    const made = await addImage(store, NAME, { seed: 1 });
    const prelude = `
      import { openStore } from ${JSON.stringify(built("store/local-store.js"))};
      const store = await openStore({ root: ${JSON.stringify(store.root)} });
      const descriptor = ${JSON.stringify(made.descriptor)};
      const manifests = [{ descriptor, platform: { os: "linux", architecture: "amd64" } }];
      const onEvent = ({ code }) => { if (code === "name-restored") say("restored"); };
    `;
    const lister = runChild(`${prelude}
      say("listing");
      let going = true;
      process.stdin.on("end", () => { going = false; }).resume();
      while (going) {
        await store.images({ onEvent });
        await new Promise(setImmediate);
      }
      await store[Symbol.asyncDispose]();
    `);
    await lister.said("listing");
    const namer = runChild(`${prelude}
      const reference = ${JSON.stringify(OTHER)};
      for (let n = 0; n < 150; n += 1) {
        await store.record({ reference, descriptor, manifests }, { onEvent });
        await store.remove(reference, { onEvent });
        const left = await store.images({ onEvent });
        if (left.some((image) => image.reference === reference)) say("came back");
      }
      await store[Symbol.asyncDispose]();
    `);
    expect(await namer.ended()).toBe(0);
    lister.process.stdin?.end();
    expect(await lister.ended()).toBe(0);
    expect([namer.output, lister.output]).toEqual(["", "listing\n"]);
    expect((await store.images()).map(({ reference }) => reference)).toEqual([NAME]);
  });
});

function fresh(): Promise<LocalStore> {
  return temporaryFolder().then((root) => openStore({ root }));
}

async function readDocument(store: LocalStore) {
  return JSON.parse(await readFile(store.layout.index, "utf8"));
}

/** What another tool might put into a layout. */
async function addForeign(store: LocalStore, name: string, mediaType: string, text: string) {
  const hex = createHash("sha256").update(text).digest("hex");
  await writeFile(join(store.root, "blobs", "sha256", hex), text);
  const descriptor = { mediaType, size: text.length, digest: `sha256:${hex}` as never };
  const document = await readDocument(store);
  document.manifests.push({ ...descriptor, annotations: { [REF_NAME]: name } });
  await writeFile(store.layout.index, JSON.stringify(document));
  return descriptor;
}
