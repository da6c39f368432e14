import type { ReadEntry } from "../../src/tar/read-entry.ts";
import { TarReader } from "../../src/tar/reader.ts";

export interface Read extends ReadEntry {
  /** With its holes, as zeros. */
  readonly content: string;
}

/** Reads a tar in pieces of a size, and lays each file out with its holes. */
export function read(tar: Uint8Array, step: number = tar.length || 1): Read[] {
  const entries: Read[] = [];
  let current: { entry: ReadEntry; bytes: Buffer } | undefined;
  const reader = new TarReader({
    entry(entry) {
      current = { entry, bytes: Buffer.alloc(Math.min(entry.size, 1e7)) };
    },
    data(bytes, position) {
      current?.bytes.set(bytes, position);
    },
    finish() {
      if (current) entries.push({ ...current.entry, content: current.bytes.toString("latin1") });
      current = undefined;
    },
  });
  for (let at = 0; at < tar.length; at += step) reader.push(tar.subarray(at, at + step));
  reader.end();
  return entries;
}

export interface Fields {
  readonly name?: string;
  readonly flag?: string;
  readonly size?: string;
  readonly link?: string;
  readonly magic?: string;
  readonly raw?: readonly [number, string][];
}

export const GNU = "ustar  \0";

/** A header block with the fields of ustar, and its content: for tars that no tool would write. */
export function header(fields: Fields, body = ""): Buffer {
  const octal = body.length.toString(8).padStart(11, "0");
  const { name = "file", flag = "0", size = octal, link = "", magic = "ustar\x0000" } = fields;
  const block = Buffer.alloc(512);
  const put = (at: number, text: string) => block.write(text, at, "latin1");
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, size);
  put(136, "00000000000\0");
  put(156, flag);
  put(157, link);
  put(257, magic);
  for (const [at, text] of fields.raw ?? []) put(at, text);
  repairSum(block, 0);
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
  return Buffer.concat([block, Buffer.from(body, "latin1"), padding]);
}

/** Writes the checksum that the header at `at` should have. */
export function repairSum(tar: Buffer, at: number): void {
  tar.write("        ", at + 148, "latin1");
  const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
}

export function pax(...records: [string, string][]): Buffer {
  return header({ name: "pax", flag: "x" }, records.map((pair) => record(...pair)).join(""));
}

export function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`.length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

export const end: Buffer = Buffer.alloc(1024);

export function tar(...blocks: Uint8Array[]): Buffer {
  return Buffer.concat([...blocks, end]);
}
