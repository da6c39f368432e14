import { expect, it } from "vitest";
import type { TarFile } from "../../../src/tar/writer.ts";
import { device, directory, fifo, file, hardlink, symlink } from "./rig/entries.ts";
import { everyWay } from "./rig/rig.ts";

const CANARY = "../../outside/canary";

/** Everything that can be of one name. Directories come with something in them. */
const kinds = {
  file: (name: string) => [file(name)],
  directory: (name: string) => [directory(name, 0o750), file(`${name}/in`)],
  "link to a file": (name: string) => [symlink(name, CANARY)],
  "link to a directory": (name: string) => [symlink(name, "/outside")],
  "hard link": (name: string) => [hardlink(name, "base")],
  fifo: (name: string) => [fifo(name)],
  device: (name: string) => [device(name)],
} satisfies Record<string, (name: string) => TarFile[]>;

type Kind = keyof typeof kinds;

const all = Object.keys(kinds) as Kind[];
const pairs = all.flatMap((first) => all.map((second) => ({ first, second })));
const name = (first: Kind, second: Kind): string => `${second} over ${first}`;
const firsts = pairs.flatMap(({ first, second }) => kinds[first](name(first, second)));
const seconds = pairs.flatMap(({ first, second }) =>
  kinds[second](name(first, second)).map((entry) => renamed(entry, first, second)),
);

/** Of two directories, both have a name of their own in them. */
function renamed(entry: TarFile, first: Kind, second: Kind): TarFile {
  const both = first === "directory" && second === "directory" && entry.path.endsWith("/in");
  return both ? { ...entry, path: `${name(first, second)}/second` } : entry;
}

everyWay("one thing over another of its name,", (rig) => {
  const base = file("base", "base");
  const layouts = {
    "in one layer": [[base, ...firsts, ...seconds]],
    "in two layers": [[base, ...firsts], seconds],
    "in two layers, with a base of its own": [
      [base, ...firsts],
      [base, ...seconds],
    ],
  };

  it.each(Object.entries(layouts))(
    "is replaced and never written through: %s",
    async (_, layers) => {
      const { error, tree } = await rig.unpack(layers);
      expect(error).toBeUndefined();
      const nodes = rig.way.native;
      const devices = nodes && rig.way.user === undefined;
      const expected: Record<Kind, string> = {
        file: "file 644 new",
        directory: "directory 750",
        "link to a file": `link to ${CANARY}`,
        "link to a directory": "link to /outside",
        "hard link": "file 644 base",
        fifo: nodes ? "fifo 644" : "file 644",
        device: devices ? "character device 1:3 644" : "file 644",
      };
      const want: Record<string, string> = { "": "directory 755", base: "file 644 base" };
      for (const { first, second } of pairs) {
        const path = name(first, second);
        want[path] = expected[second];
        if (second !== "directory") continue;
        want[`${path}/in`] = "file 644 new";
        if (first === "directory") want[`${path}/second`] = "file 644 new";
      }
      expect(tree).toEqual(want);
    },
  );

  it("a directory that only a name below it asks for goes through a link, and replaces all else", async () => {
    const lower = all.flatMap((kind) => kinds[kind](kind).filter(({ path }) => path === kind));
    const upper = all.filter((kind) => kind !== "link to a file").map((kind) => file(`${kind}/x`));
    const { error, tree } = await rig.unpack([[base, directory("outside"), ...lower], upper]);
    expect(error).toBeUndefined();
    expect(tree).toMatchObject({
      "file/x": "file 644 new",
      file: "directory 755",
      directory: "directory 750",
      "link to a directory": "link to /outside",
      "outside/x": "file 644 new",
      "hard link": "directory 755",
      fifo: "directory 755",
      device: "directory 755",
      base: "file 644 base",
    });
  });

  it("a name below a file of its own layer is an error", async () => {
    const { error } = await rig.unpack([[file("f"), file("f/x")]]);
    expect(error?.code).toBe("malformed");
  });
});
