import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTar } from "../../src/tar/writer.ts";
import {
  addImage,
  addLayer,
  type Compression,
  hasZstd,
  MadeContent,
  type MadeImage,
  randomLayers,
} from "../../src/testkit/index.ts";
import { lading } from "../cli/run-command.ts";
import { full } from "../deep/tier.ts";
import { differences, reference, type Snapshot, snapshot } from "../rootfs/snapshot.ts";
import { craftedImages } from "./crafted-images.ts";
import { installed } from "./debian-registry.ts";
import { gnuFormats, gnuTarLayer } from "./gnu-tar-layer.ts";
import { knownOf, knownOfOverlay } from "./known-differences.ts";
import { writeLayout } from "./layout.ts";
import { serveLayout } from "./serve-layout.ts";
import { unpackers } from "./unpackers.ts";

const IMAGES = full ? 100 : 12;
/** Of a hundred others one is refused by a peer: those from 1 on are known to be taken by both. */
const first = Number(process.env.LADING_SEED ?? 1);
const needed = ["umoci", "buildah", "python3"];
const able = installed(...needed) && process.getuid?.() === 0;
/** A folder of layouts NAME-gzip, NAME-zstd, NAME-tar, each with an image `latest`. */
const layouts = process.env.LADING_BENCH_LAYOUTS;

describe.runIf(able)(`unpacking, beside umoci and buildah (seeds from ${first})`, () => {
  let folder: string;
  beforeEach(async () => {
    // buildah names an image after its path, and takes no capitals.
    folder = join(tmpdir(), `lading-${randomUUID()}`);
    await mkdir(folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }), 300_000);

  const seeds = Array.from({ length: IMAGES }, (_, index) => (first + index) >>> 0);
  it.each(seeds)(
    "gives the same: random layers %i",
    async (each) => {
      const kinds: Compression[] = hasZstd() ? ["zstd", "gzip", "none"] : ["none", "gzip"];
      const content = new MadeContent();
      const image = randomLayers(content, { seed: each, compression: kinds });
      const twin = randomLayers(content, { seed: each });
      expect(await compared(folder, layoutOf(folder, content, image, twin))).toEqual([]);
    },
    60_000,
  );

  const mootSeeds = seeds.slice(0, Math.ceil(IMAGES / 4));
  it.each(mootSeeds)(
    "gives what the specification says where others do not: random layers %i",
    async (each) => {
      const content = new MadeContent();
      const moot = {
        impliedOverFile: true,
        impliedOverDanglingLink: true,
        opaqueAfterImplied: true,
        whiteoutOfOwnName: true,
        emptyXattrs: true,
      };
      const image = randomLayers(content, { seed: each, moot });
      expect(await compared(folder, layoutOf(folder, content, image), "alone")).toEqual([]);
    },
    60_000,
  );

  it.each(Object.entries(craftedImages))(
    "gives the same: %s",
    async (_, layers) => {
      const content = new MadeContent();
      const image = imageOf(content, layers.map(createTar));
      expect(await compared(folder, layoutOf(folder, content, image))).toEqual([]);
    },
    60_000,
  );

  it.each(gnuFormats)(
    "gives the same: a layer by GNU tar in its format %s",
    async (format) => {
      const content = new MadeContent();
      const image = imageOf(content, [gnuTarLayer(folder, format)]);
      // Go's tar knows no old GNU sparse files: neither peer takes them.
      const twin = imageOf(content, [gnuTarLayer(folder, "pax 1.0")]);
      expect(await compared(folder, layoutOf(folder, content, image, twin))).toEqual([]);
    },
    60_000,
  );

  it
    .runIf(layouts !== undefined)
    .each(
      ["tricky", "debian", "big", "many"].flatMap((name) =>
        ["gzip", "zstd", "tar"].map((compression) => [name, compression] as const),
      ),
    )(
    "gives the same: the image %s in %s",
    async (name, compression) => {
      const layout = join(layouts ?? "", `${name}-${compression}`);
      if (!existsSync(layout)) return;
      const twin = { layout: join(layouts ?? "", `${name}-gzip`), tag: "latest" };
      const image = { layout, tag: "latest" };
      expect(await compared(folder, { image, twin })).toEqual([]);
    },
    900_000,
  );

  it.skipIf(layouts !== undefined)(
    "gives the same for real images when LADING_BENCH_LAYOUTS names a folder with their layouts",
    (context) => context.skip(),
  );
});

describe.skipIf(able)("unpacking, beside umoci and buildah", () => {
  it.skip(`needs root and: apt-get install ${needed.join(" ")}`);
});

interface Place {
  readonly layout: string;
  readonly tag: string;
}

interface Compared {
  readonly image: Place;
  /** The same layers in gzip, which umoci 0.4 can read. */
  readonly twin: Place;
}

/** Unpacks an image in all ways, and says where they differ without a known reason. */
async function compared(
  folder: string,
  { image, twin }: Compared,
  peers: "beside" | "alone" = "beside",
): Promise<string[]> {
  const since = BigInt(Date.now()) * 1_000_000n;
  const right = await reference(twin.layout, twin.tag);
  const { flat, overlay } = await unpacked(folder, image);
  const lines = [
    ...differences(right, flat, { names: ["the reference", "lading's flat"] }),
    ...differences(flat, overlay, { names: ["flat", "overlay"], ignore: knownOfOverlay }),
  ];
  if (peers === "alone") return lines;
  for (const peer of ["umoci", "buildah"] as const) {
    const theirs = await unpackers[peer](twin.layout, twin.tag, folder);
    const ignore = knownOf(peer, since);
    lines.push(...differences(flat, theirs, { names: ["lading", peer], ignore }));
  }
  return lines;
}

/** By lading, through a registry: flat, and as a mounted overlay. */
async function unpacked(
  folder: string,
  { layout, tag }: Place,
): Promise<{ readonly flat: Snapshot; readonly overlay: Snapshot }> {
  await using registry = await serveLayout(layout);
  const home = join(folder, "home");
  const [flat, mounted] = [join(folder, "flat"), join(folder, "mounted")];
  const reference = `${registry.address}/app:${tag}`;
  const run = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await lading(args, { home });
    expect(code, `lading ${args[0]}: ${stderr}`).toBe(0);
  };
  await run("unpack", reference, flat);
  await mkdir(mounted);
  await run("mount", reference, mounted);
  try {
    return { flat: await snapshot(flat), overlay: await snapshot(mounted) };
  } finally {
    await run("umount", mounted);
  }
}

function layoutOf(
  folder: string,
  content: MadeContent,
  image: MadeImage,
  twin: MadeImage = image,
): Compared {
  const layout = join(folder, "layout");
  writeLayout(layout, content, { image: image.descriptor, twin: twin.descriptor });
  return { image: { layout, tag: "image" }, twin: { layout, tag: "twin" } };
}

function imageOf(content: MadeContent, tars: readonly Uint8Array[]): MadeImage {
  return addImage(
    content,
    tars.map((tar) => addLayer(content, tar, "gzip")),
  );
}
