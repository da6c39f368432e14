"""Lists a directory tree, one JSON object a line: an oracle that shares no code with lading.

Names and xattr names are bytes, one character each (latin-1). Link counts of directories are not
listed: they are the file system's own affair.
"""
import hashlib
import json
import os
import stat
import sys

# The overlay's own bookkeeping and the machine's labels are not the image's.
NOT_THE_IMAGES = ("trusted.overlay.", "user.overlay.", "security.selinux")

KINDS = (
    (stat.S_ISDIR, "directory"),
    (stat.S_ISREG, "file"),
    (stat.S_ISLNK, "symlink"),
    (stat.S_ISCHR, "character-device"),
    (stat.S_ISBLK, "block-device"),
    (stat.S_ISFIFO, "fifo"),
    (stat.S_ISSOCK, "socket"),
)


def main():
    root = os.fsencode(sys.argv[1])
    entries = []
    list_below(root, b"", entries)
    groups = {}
    for entry in entries:
        groups.setdefault(entry.pop("inode"), []).append(entry["path"])
    names = {path: sorted(group) for group in groups.values() for path in group}
    for entry in entries:
        entry["names"] = names[entry["path"]]
        print(json.dumps(entry))


def list_below(root, path, entries):
    entry = describe(os.path.join(root, path) if path else root, path)
    entries.append(entry)
    if entry["type"] != "directory":
        return
    for name in sorted(os.listdir(os.path.join(root, path) if path else root)):
        list_below(root, os.path.join(path, name) if path else name, entries)


def describe(full, path):
    at = os.lstat(full)
    kind = next(name for test, name in KINDS if test(at.st_mode))
    entry = {
        "path": text(path),
        "type": kind,
        "mode": stat.S_IMODE(at.st_mode),
        "uid": at.st_uid,
        "gid": at.st_gid,
        "mtimeNs": str(at.st_mtime_ns),
        "xattrs": xattrs(full),
        "inode": f"{at.st_dev}:{at.st_ino}",
    }
    if kind != "directory":
        entry["links"] = at.st_nlink
    if kind == "symlink":
        entry["target"] = text(os.readlink(full))
    if kind.endswith("device"):
        entry["device"] = f"{os.major(at.st_rdev)}:{os.minor(at.st_rdev)}"
    if kind == "file":
        entry["size"] = at.st_size
        entry["sha256"] = sha256(full)
    return entry


def xattrs(full):
    names = sorted(os.fsencode(name) for name in os.listxattr(full, follow_symlinks=False))
    return {
        text(name): os.getxattr(full, name, follow_symlinks=False).hex()
        for name in names
        if not text(name).startswith(NOT_THE_IMAGES)
    }


def sha256(full):
    digest = hashlib.sha256()
    with open(full, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def text(name):
    return name.decode("latin-1")


sys.setrecursionlimit(10_000)
main()
