import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { type ByteString, pathOf } from "../../tar/byte-string.ts";
import type { Path } from "../kernel/kernel.ts";

/**
 * A directory that is held open. What is done in it is done in this very directory, wherever its name
 * leads by now: nobody can put a symbolic link in the way.
 */
export interface Directory extends Disposable {
  /** Below the tree's root, without symbolic links on the way; `""` is the root. */
  readonly path: ByteString;
  /** The directory itself, for calls that follow links; needs no right to look into it, as `at(".")` does. */
  readonly self: Path;
  /** Where a name in it is, for calls that take a path and do not follow its last component. */
  at(name: ByteString): Path;
}

/** Opens `name` in a directory if it is one itself; a symbolic link is not. */
export type OpenDirectory = (path: Path, physical: ByteString) => Directory;

/** O_PATH of Linux: to stand in it, not to read it, so that no permission but search is needed. */
const O_PATH = 0o10000000;

/** By descriptor, through /proc: races are of no use to an attacker. */
export const openByDescriptor: OpenDirectory = (path, physical) => {
  const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  return heldDirectory(openSync(path, flags), physical);
};

export function heldDirectory(
  fd: number,
  physical: ByteString,
): Directory & { readonly fd: number } {
  const self = `/proc/self/fd/${fd}`;
  const prefix = `${self}/`;
  return {
    fd,
    path: physical,
    self,
    at: (name) => pathOf(`${prefix}${name}` as ByteString),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** By path, where there is no /proc (macOS): safe as long as nobody else writes into the tree. */
export const openByPath: OpenDirectory = (path, physical) => {
  if (!lstatSync(path).isDirectory()) {
    throw Object.assign(new Error(`ENOTDIR: ${path}`), { code: "ENOTDIR" });
  }
  const prefix = Buffer.concat([Buffer.from(path), Buffer.from("/")]);
  return {
    path: physical,
    self: path,
    at: (name) => Buffer.concat([prefix, Buffer.from(name, "latin1")]),
    [Symbol.dispose]: () => {},
  };
};
