import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { open } from "../../../src/index.ts";
import { createTar, type TarFile } from "../../../src/tar/writer.ts";
import { addImage, addLayer, createRegistry } from "../../../src/testkit/index.ts";
import { temporaryFolder } from "../../temporary.ts";
import { directory, file, hardlink, symlink } from "./rig/entries.ts";
import { fingerprint } from "./rig/listing.ts";
import { everyWay } from "./rig/rig.ts";

const ROUNDS = 6;

/** Many small things in the directories that are swapped, in every way of making one. */
const layer: TarFile[] = Array.from({ length: 120 }, (_, at) => {
  const d = `d${at % 8}`;
  return [
    file(`${d}/canary`, `over ${at}`),
    file(`${d}/new${at}`),
    symlink(`${d}/link${at}`, "canary"),
    hardlink(`${d}/hard${at}`, `${d}/new${at}`),
    directory(`${d}/sub${at}`, 0o777),
    file(`${d}/sub${at}/x`, "new", { mode: 0o666, mtimeNs: 1n }),
    directory(d, 0o777),
  ];
}).flat();

/** What others have: a name that the layer writes to, and one that it would remove. */
describe.each([true, false])(
  "CVE-2025-47290, CVE-2026-41568: a process that swaps directories for links",
  (native) => {
    it(`while they are written (native: ${native})`, { timeout: 120_000 }, async () => {
      await using registry = await createRegistry();
      const upper = [...layer, file("d0/.wh..wh..opq", ""), file("d1/.wh.canary", "")];
      const layers = [layer, upper].map((each) =>
        addLayer(registry.content, createTar(each), "gzip"),
      );
      registry.content.tag("app:1", addImage(registry.content, layers).descriptor);
      const folder = await temporaryFolder();
      const [outside, work] = [join(folder, "outside"), join(folder, "work")];
      for (const path of [outside, work, join(outside, "sub1")]) mkdirSync(path, { mode: 0o700 });
      for (const name of ["canary", "sub1/x"]) writeFileSync(join(outside, name), "alive");
      const before = fingerprint(outside);
      const swapper = fork(join(import.meta.dirname, "rig/swapper.mjs"), [work, outside]);
      await once(swapper, "message");
      await using lading = await open({ root: join(work, "store"), native });
      const reference = `${registry.address}/app:1`;
      await lading.pull(reference);
      for (let round = 0; round < ROUNDS; round += 1) {
        // It may well fail, for the tree is not what it has to be: but only inside.
        const target = join(work, `rootfs${round}`);
        await lading.unpack(reference, target, { policy: "never" }).catch(() => {});
        expect(fingerprint(outside), `round ${round}`).toEqual(before);
      }
      swapper.send("enough");
      const [{ swaps }] = await once(swapper, "message");
      expect(swaps).toBeGreaterThan(ROUNDS);
    });
  },
);

everyWay("layers that plant links for each other,", (rig) => {
  it("CVE-2025-47290: side by side, each in a tree of its own", async () => {
    const links = Array.from({ length: 8 }, (_, at) => symlink(`d${at}`, "../../outside"));
    const layers = Array.from({ length: 6 }, (_, at) =>
      at % 2 === 0 ? [...links, file(`p${at}`)] : [file(`own${at}`), ...layer],
    );
    const { error, tree } = await rig.unpack(layers);
    expect(error).toBeUndefined();
    expect(tree?.d0).toBe("directory 777");
    const { target } = await rig.unpack([links, [file("d0/x")], links, [file("d0/canary")]]);
    expect(readdirSync(join(target, "outside")).sort()).toEqual(["canary", "x"]);
  });
});
