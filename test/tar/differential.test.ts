import fc from "fast-check";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { textOf } from "../../src/tar/byte-string.ts";
import { createTar, type TarFile } from "../../src/tar/writer.ts";
import { GNU, header, pax, type Read, read, record, repairSum } from "./archive.ts";
import { gnuLine, gnuListing } from "./listing.ts";

/** The corpus: each archive is made of some of these, in any order. */
const PIECES: readonly Buffer[] = [
  header({ name: "plain" }, "hello"),
  header({ name: "v7-directory/", flag: "\0", magic: "" }),
  header({ name: "outer" }, header({ name: "smuggled" }).toString("latin1")),
  header({ name: "dir/", flag: "5" }),
  header({ name: "symlink", flag: "2", link: "target" }),
  header({ name: "hard", flag: "1", link: "plain" }),
  header({ name: "fifo", flag: "6" }),
  ...["3", "4"].map((flag) =>
    header({
      name: `device${flag}`,
      flag,
      raw: [
        [329, "0000010\0"],
        [337, "0000003\0"],
      ],
    }),
  ),
  header({ name: "gnu", magic: GNU }, "x".repeat(600)),
  header({ name: "v7", magic: "", flag: "\0" }, "y"),
  header({ name: "below", raw: [[345, "prefix"]] }, "z"),
  header({ name: "far", size: "\x80\0\0\0\0\0\0\0\0\0\x02\0", magic: GNU }, "q".repeat(512)),
  header({ flag: "g" }, record("comment", "x") + record("mtime", "9.5")),
  pax(["path", "pax/path"], ["mtime", "12345.5"]),
  pax(["size", "512"]),
  pax(["uid", "99"], ["gid", "98"], ["linkpath", "pax/link"]),
  header({ flag: "L", magic: GNU }, "long/name\0"),
  header({ flag: "K", magic: GNU }, "long/link\0"),
  Buffer.concat([
    pax(
      ["GNU.sparse.major", "1"],
      ["GNU.sparse.minor", "0"],
      ["GNU.sparse.name", "sparse10"],
      ["GNU.sparse.realsize", "100"],
    ),
    header({}, `${"1\n10\n4\n".padEnd(512, "\0")}abcd`),
  ]),
  Buffer.concat([
    pax(
      ["GNU.sparse.size", "100"],
      ["GNU.sparse.numblocks", "1"],
      ["GNU.sparse.name", "sparse01"],
      ["GNU.sparse.map", "10,4"],
    ),
    header({}, "abcd"),
  ]),
  header(
    {
      name: "sparse",
      flag: "S",
      magic: GNU,
      raw: [
        [386, "00000000012\x0000000000004\0"],
        [483, "00000000144\0"],
      ],
    },
    "abcd",
  ),
  Buffer.alloc(512),
];

const archive = fc
  .record({
    pieces: fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5 }),
    ended: fc.boolean(),
    changes: fc.array(
      fc.record({
        block: fc.nat(30),
        /** More often where the fields are, or in what follows a header. */
        at: fc.oneof(fc.nat(511), fc.integer({ min: 100, max: 160 }), fc.nat(40)),
        byte: fc.oneof(
          fc.constantFrom(...Buffer.from("\0 01789/aLKSxg-+=,\n\xff", "latin1")),
          fc.nat(255),
        ),
        repair: fc.integer({ min: 0, max: 9 }).map((chance) => chance > 0),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ pieces, ended, changes }) => {
    const bytes = Buffer.concat([...pieces, ...(ended ? [Buffer.alloc(1024)] : [])]);
    for (const { block, at, byte, repair } of changes) {
      const start = (block % (bytes.length / 512)) * 512;
      const isHeader = /^[\s\S]{148}\d{6}\0 /.test(bytes.toString("latin1", start, start + 512));
      bytes[start + at] = byte;
      if (repair && isHeader) repairSum(bytes, start);
    }
    return bytes;
  });

/**
 * Differences that are meant (docs/decisions/tar.md): GNU tar alone skips content after links, devices
 * and FIFOs, does not read the prefixes of old Go, and forgets a pax header for all at the next one.
 */
function isMeant(tar: Buffer): boolean {
  let globals = 0;
  for (let at = 0; at < tar.length; at += 512) {
    const block = tar.toString("latin1", at, at + 512);
    const flag = block.charAt(156);
    if (flag === "g") globals += 1;
    if (/[2-6]/.test(flag) && /[1-9\x80-\xff]/.test(block.slice(124, 136))) return true;
    if (block.slice(257, 265) === GNU && block.charAt(345) !== "\0") return true;
  }
  return globals > 1;
}

describe("whatever an archive holds", () => {
  it("it is read as GNU tar lists it, or refused with the entry's number and place", () => {
    let compared = 0;
    fc.assert(
      fc.property(archive, fc.integer({ min: 1, max: 700 }), (tar, step) => {
        const whole = outcome(tar, tar.length);
        expect(outcome(tar, step)).toEqual(whole);
        if (whole instanceof Error) {
          expect(whole).toBeInstanceOf(LadingError);
          expect(whole.message).toMatch(/^entry \d+ of the tar, at byte \d+: /);
        } else if (!isMeant(tar)) {
          compared += 1;
          expect(whole.map(gnuLine)).toEqual(gnuListing(tar).lines);
        }
      }),
      { numRuns: 600 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it("what lading writes is listed alike by GNU tar and by tar-stream", async () => {
    await fc.assert(
      fc.asyncProperty(files, async (files) => {
        const tar = createTar(files);
        const entries = read(tar);
        expect(entries.map(gnuLine)).toEqual(gnuListing(tar).lines);
        expect(await streamListing(tar)).toEqual(entries.map(streamEntry));
      }),
      { numRuns: 60 },
    );
  });
});

function outcome(tar: Buffer, step: number): Read[] | Error {
  try {
    return read(tar, step);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const name = fc
  .array(fc.constantFrom("a", "dir", "ü", "名前", "x".repeat(99), "y".repeat(60)), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join("/"));
const common = {
  path: name,
  mode: fc.nat(0o7777),
  uid: fc.nat(2 ** 32 - 2),
  gid: fc.nat(2 ** 32 - 2),
  mtimeNs: fc.bigInt({ min: 0n, max: 253_402_300_799_999_999_999n }),
};
const files: fc.Arbitrary<TarFile[]> = fc.array(
  fc.oneof(
    fc.record({
      ...common,
      type: fc.constant("file" as const),
      content: fc.uint8Array({ maxLength: 1500 }),
    }),
    fc.record({
      ...common,
      type: fc.constantFrom("symlink" as const, "hardlink" as const),
      linkPath: name,
    }),
    fc.record({ ...common, type: fc.constantFrom("directory" as const, "fifo" as const) }),
  ),
  { minLength: 1, maxLength: 6 },
);

interface StreamEntry {
  readonly name: string;
  readonly type: string | null | undefined;
  readonly size: number | undefined;
  readonly mode: number | undefined;
  readonly link: string;
}

/** tar-stream knows owners and times only as far as ustar holds them. */
function streamEntry({ path, type, size, mode, linkPath }: Read): StreamEntry {
  const name = textOf(path);
  return { name, type: type === "hardlink" ? "link" : type, size, mode, link: textOf(linkPath) };
}

async function streamListing(tar: Uint8Array): Promise<StreamEntry[]> {
  const stream = extract();
  stream.end(tar);
  const entries: StreamEntry[] = [];
  for await (const entry of stream) {
    const { name, type, size, mode, linkname } = entry.header;
    entries.push({ name, type, size, mode, link: linkname ?? "" });
    entry.resume();
  }
  return entries;
}
