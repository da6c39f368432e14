import { constants as files } from "node:fs";
import { constants } from "node:os";
import { type ByteString, byteString, pathOf } from "../../tar/byte-string.ts";
import type { DeviceNumber, Kernel, MountOptions, NodeKind, Path } from "./kernel.ts";

type Koffi = typeof import("koffi").default;

/** Numbers of the calls that older C libraries have no function for; openat2 has the same everywhere. */
const NUMBERS: Readonly<Record<string, { mknodat: number; renameat2: number } | undefined>> = {
  x64: { mknodat: 259, renameat2: 316 },
  arm64: { mknodat: 33, renameat2: 276 },
  riscv64: { mknodat: 33, renameat2: 276 },
};
const OPENAT2 = 437;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const SEEK_DATA = 3;
const RENAME_NOREPLACE = 1;
const MS_RDONLY = 1;
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MNT_DETACH = 2;

const KINDS: Readonly<Record<NodeKind, number>> = {
  fifo: 0o010000,
  "character-device": 0o020000,
  "block-device": 0o060000,
};

/** The calls of Linux, each checked for errors as Node does it. */
export function linuxKernel(koffi: Koffi): Kernel {
  const numbers = NUMBERS[process.arch];
  if (numbers === undefined) throw new Error(`no system calls are known for ${process.arch}`);
  const libc = koffi.load(null);
  const syscall = libc.func("long syscall(long, long, const void *, long, const void *, long)");
  const openat2 = libc.func("long syscall(long, long, const void *, const void *, size_t)");
  const nodes = libc.func("long syscall(long, long, const void *, long, long, long)");
  const lsetxattr = libc.func(
    "int lsetxattr(const void *, const void *, const void *, size_t, int)",
  );
  const lgetxattr = libc.func("long lgetxattr(const void *, const void *, void *, size_t)");
  const llistxattr = libc.func("long llistxattr(const void *, void *, size_t)");
  const lremovexattr = libc.func("int lremovexattr(const void *, const void *)");
  const futimens = libc.func("int futimens(int, const void *)");
  const utimensat = libc.func("int utimensat(int, const void *, const void *, int)");
  const lseek = libc.func("int64_t lseek(int, int64_t, int)");
  const mount = libc.func(
    "int mount(const void *, const void *, const void *, unsigned long, const void *)",
  );
  const umount2 = libc.func("int umount2(const void *, int)");

  const checked = (name: string, result: number | bigint, path: Path | number): number => {
    if (Number(result) >= 0) return Number(result);
    throw systemError(name, koffi.errno(), path);
  };

  const openBelow = (root: number, path: ByteString): number => {
    const result = openat2(OPENAT2, root, cString(pathOf(path)), HOW, HOW.length);
    if (Number(result) >= 0) return Number(result);
    throw systemError("openat2", koffi.errno(), path);
  };

  return {
    openBelow: hasOpenat2(openBelow) ? openBelow : undefined,
    setXattr(path, name, value) {
      const result = lsetxattr(cString(path), cString(pathOf(name)), value, value.length, 0);
      checked("lsetxattr", result, path);
    },
    getXattr(path, name) {
      const size = Number(lgetxattr(cString(path), cString(pathOf(name)), null, 0));
      if (size < 0 && koffi.errno() === constants.errno.ENODATA) return undefined;
      const value = new Uint8Array(checked("lgetxattr", size, path));
      const got = lgetxattr(cString(path), cString(pathOf(name)), value, value.length);
      return value.subarray(0, checked("lgetxattr", got, path));
    },
    removeXattr(path, name) {
      checked("lremovexattr", lremovexattr(cString(path), cString(pathOf(name))), path);
    },
    listXattrs(path) {
      const size = Number(llistxattr(cString(path), null, 0));
      // A file system without attributes has none to list.
      if (size < 0 && koffi.errno() === constants.errno.EOPNOTSUPP) return [];
      if (checked("llistxattr", size, path) === 0) return [];
      const names = new Uint8Array(size);
      const got = checked("llistxattr", llistxattr(cString(path), names, size), path);
      const text = byteString(names.subarray(0, got));
      return text.split("\0").filter((name) => name !== "") as ByteString[];
    },
    makeNode(path, kind, device) {
      const mode = KINDS[kind] | 0o600;
      const result = nodes(
        numbers.mknodat,
        AT_FDCWD,
        cString(path),
        mode,
        kind === "fifo" ? 0 : encodeDevice(device),
        0,
      );
      checked("mknodat", result, path);
    },
    setTimes(file, ns) {
      fillTimes(ns);
      const result =
        typeof file === "number"
          ? futimens(file, TIMES)
          : utimensat(AT_FDCWD, cString(file), TIMES, AT_SYMLINK_NOFOLLOW);
      checked("utimensat", result, file);
    },
    nextContent(fd, from) {
      const found = lseek(fd, from, SEEK_DATA);
      if (Number(found) < 0 && koffi.errno() === constants.errno.ENXIO) return undefined;
      return checked("lseek", found, fd);
    },
    renameNew(from, to) {
      const result = syscall(
        numbers.renameat2,
        AT_FDCWD,
        cString(from),
        AT_FDCWD,
        cString(to),
        RENAME_NOREPLACE,
      );
      checked("renameat2", result, to);
    },
    mount({ source, target, type, bind, readOnly, data }: MountOptions) {
      const call = (flags: number): void => {
        const options = data === undefined ? null : cString(data);
        const kind = type === undefined ? null : cString(type);
        const result = mount(cString(source), cString(target), kind, flags, options);
        checked("mount", result, target);
      };
      const flags = bind ? MS_BIND : readOnly ? MS_RDONLY : 0;
      call(flags);
      // A bind mount takes no other flag at first.
      if (bind && readOnly) call(MS_BIND | MS_REMOUNT | MS_RDONLY);
    },
    unmount(path, { detach = false } = {}) {
      checked("umount2", umount2(cString(path), detach ? MNT_DETACH : 0), path);
    },
  };
}

/** struct open_how: O_PATH | O_DIRECTORY | O_CLOEXEC, and no links, in root, of either kind. */
const HOW = openHow();

function openHow(): Buffer {
  const O_PATH = 0o10000000;
  const O_CLOEXEC = 0o2000000;
  const RESOLVE_NO_MAGICLINKS = 0x02;
  const RESOLVE_NO_SYMLINKS = 0x04;
  const RESOLVE_IN_ROOT = 0x10;
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(O_PATH | files.O_DIRECTORY | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT), 16);
  return how;
}

/** ENOSYS before Linux 5.6, EPERM under an old seccomp filter: either means the walk by components. */
function hasOpenat2(openBelow: (root: number, path: ByteString) => number): boolean {
  try {
    openBelow(-1, "." as ByteString);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EBADF";
  }
}

const TIMES = Buffer.alloc(32);
const SECOND = 1_000_000_000n;

/** Two struct timespec; nanoseconds count forward from seconds that may be negative. */
function fillTimes(ns: bigint): void {
  const rest = ((ns % SECOND) + SECOND) % SECOND;
  const seconds = (ns - rest) / SECOND;
  for (const at of [0, 16]) {
    TIMES.writeBigInt64LE(seconds, at);
    TIMES.writeBigInt64LE(rest, at + 8);
  }
}

/** As the kernel takes it from a call: 12 bits of major between the low 8 and high 12 of minor. */
function encodeDevice({ major, minor }: DeviceNumber): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

function cString(path: Path): Buffer {
  if (typeof path === "string") return Buffer.from(`${path}\0`);
  return Buffer.concat([path, NUL]);
}

const NUL = Buffer.alloc(1);

const CODES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

function systemError(syscall: string, errno: number, path: Path | number): Error {
  const code = CODES.get(errno) ?? `E${errno}`;
  const error = new Error(`${code}: ${syscall} '${path}'`);
  return Object.assign(error, { code, errno: -errno, syscall });
}
