"""What an image's root filesystem must be, worked out in memory from image-spec's layer.md.

Slow and plain, on Python's own tar reader, it shares no code with lading; it prints what snapshot.py
would print of the right result. Where the specification is silent it does as lading's documentation says lading does.
Usage: reference.py LAYOUT TAG (layers in gzip or plain tar)
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

WHITEOUT, OPAQUE = b".wh.", b".wh..wh..opq"
DROPPED = ("trusted.overlay.", "user.overlay.", "security.selinux")
KINDS = {
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "character-device",
    tarfile.BLKTYPE: "block-device",
    tarfile.FIFOTYPE: "fifo",
    tarfile.DIRTYPE: "directory",
}


class Node:
    def __init__(self, kind="directory", **attributes):
        self.kind = kind
        self.attributes = {"mode": 0o755, "uid": 0, "gid": 0, "mtimeNs": "0", "xattrs": {}, **attributes}
        self.children = {}


class Tree:
    def __init__(self):
        self.root = Node()

    def apply(self, archive):
        entries = [(split(member.name), member) for member in archive]
        # What links may mean in lower layers, before anything of those is hidden.
        lower = {id(member): self.find(split(member.linkname)) for _, member in entries if member.islnk()}
        placed = set()
        # Whiteouts and opaque marks hide only lower layers, wherever they stand.
        for path, member in entries:
            self.hide(path)
        for path, member in entries:
            if path and path[-1].startswith(WHITEOUT):
                continue
            if member.islnk():
                node = self.find(split(member.linkname))
                node = node if id(node) in placed else lower[id(member)]
                if node is None:
                    raise SystemExit(f"{member.name} links to {member.linkname}, which is not there")
            else:
                node = node_of(member, archive)
            self.put(path, node)
            placed.add(id(node))

    def hide(self, path):
        if not path or not path[-1].startswith(WHITEOUT):
            return
        folder = self.folder(path[:-1], make=False)
        if folder is None:
            return
        if path[-1] == OPAQUE:
            folder.children.clear()
        else:
            folder.children.pop(path[-1][len(WHITEOUT):], None)

    def put(self, path, node):
        if not path:
            self.root.attributes = node.attributes
            return
        folder = self.folder(path[:-1], make=True)
        before = folder.children.get(path[-1])
        if before is not None and before.kind == "directory" == node.kind:
            before.attributes = node.attributes
        else:
            folder.children[path[-1]] = node

    def find(self, path):
        folder = self.folder(path[:-1], make=False)
        return folder and folder.children.get(path[-1])

    def folder(self, names, make):
        """The directory that a path leads to inside the root, symlinks followed."""
        stack, names, followed = [self.root], list(names), 0
        while names:
            name = names.pop(0)
            if name in (b"", b"."):
                continue
            if name == b"..":
                stack[:] = stack[: max(1, len(stack) - 1)]
                continue
            node = stack[-1].children.get(name)
            if node is not None and node.kind == "symlink":
                followed += 1
                if followed > 40:
                    raise SystemExit("a loop of symlinks")
                target = node.attributes["target"].encode("latin-1")
                if target.startswith(b"/"):
                    stack = [self.root]
                names = target.split(b"/") + names
                continue
            if node is None or node.kind != "directory":
                if not make:
                    return None
                node = stack[-1].children[name] = Node()
            stack.append(node)
        return stack[-1]

    def list(self):
        found = []

        def walk(path, node):
            found.append((path, node))
            for name in sorted(node.children):
                walk(path + b"/" + name if path else name, node.children[name])

        walk(b"", self.root)
        names = {}
        for path, node in found:
            names.setdefault(id(node), []).append(text(path))
        for path, node in found:
            same = sorted(names[id(node)])
            links = {} if node.kind == "directory" else {"links": len(same)}
            print(json.dumps({"path": text(path), "type": node.kind, **node.attributes, **links, "names": same}))


def node_of(member, archive):
    kind = KINDS.get(member.type, "file")
    attributes = {
        "mode": 0o777 if kind == "symlink" else member.mode & 0o7777,
        "uid": member.uid,
        "gid": member.gid,
        "mtimeNs": str(nanoseconds(member.pax_headers.get("mtime", str(int(member.mtime))))),
        "xattrs": xattrs_of(member),
    }
    if kind == "symlink":
        attributes["target"] = text(os.fsencode(member.linkname))
    if kind.endswith("device"):
        attributes["device"] = f"{member.devmajor}:{member.devminor}"
    if kind == "file":
        content = archive.extractfile(member).read()
        attributes["size"] = len(content)
        attributes["sha256"] = hashlib.sha256(content).hexdigest()
    return Node(kind, **attributes)


def xattrs_of(member):
    found = {}
    for key, value in sorted(member.pax_headers.items()):
        name = text(os.fsencode(key.removeprefix("SCHILY.xattr.")))
        if key.startswith("SCHILY.xattr.") and not name.startswith(DROPPED):
            found[name] = os.fsencode(value).hex()
    return found


def nanoseconds(decimal):
    sign = -1 if decimal.startswith("-") else 1
    seconds, _, fraction = decimal.lstrip("-").partition(".")
    return sign * (int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9]))


def split(name):
    return [part for part in os.fsencode(name).split(b"/") if part not in (b"", b".")]


def text(name):
    return name.decode("latin-1")


def main(layout, tag):
    def blob(digest):
        with open(os.path.join(layout, "blobs", *digest.split(":")), "rb") as file:
            return file.read()

    with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
        entries = json.load(file)["manifests"]
    name = "org.opencontainers.image.ref.name"
    digest = next(entry["digest"] for entry in entries if entry["annotations"][name] == tag)
    tree = Tree()
    for layer in json.loads(blob(digest))["layers"]:
        content = blob(layer["digest"])
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        with tarfile.open(fileobj=io.BytesIO(content), encoding="utf-8", errors="surrogateescape") as archive:
            tree.apply(archive)
    tree.list()


sys.setrecursionlimit(10_000)
main(*sys.argv[1:])
