import { createTar, type TarFile } from "../../../../src/tar/writer.ts";

/** Entries of crafted layers, in few words. */
export function file(path: string, content = "new", attributes: Partial<TarFile> = {}): TarFile {
  return { path, type: "file", mode: 0o644, content: Buffer.from(content), ...attributes };
}

export function directory(path: string, mode = 0o755): TarFile {
  return { path, type: "directory", mode };
}

export function symlink(path: string, linkPath: string): TarFile {
  return { path, type: "symlink", mode: 0o777, linkPath };
}

export function hardlink(path: string, linkPath: string): TarFile {
  return { path, type: "hardlink", mode: 0o644, linkPath };
}

export function fifo(path: string): TarFile {
  return { path, type: "fifo", mode: 0o644 };
}

export function device(path: string, major = 1, minor = 3): TarFile {
  return { path, type: "character-device", mode: 0o644, device: { major, minor } };
}

const BLOCK = 512;

/** A tar whose first header is changed after it was made, its checksum made right again. */
export function rewritten(files: readonly TarFile[], change: (header: Buffer) => void): Uint8Array {
  const tar = Buffer.from(createTar(files));
  const header = tar.subarray(0, BLOCK);
  change(header);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return tar;
}

/** The entry's name field, as bytes. */
export function named(name: Uint8Array): (header: Buffer) => void {
  return (header) => {
    header.fill(0, 0, 100);
    header.set(name, 0);
  };
}
