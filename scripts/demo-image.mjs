// A real image out of files of this machine: Node with its shared libraries, and a part of npm.
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { createTar } from "../dist/tar/writer.js";
import { addImage, addLayer, hasZstd, makeIndex } from "../dist/testkit/index.js";

/** Adds `demo/node:latest` to the content: an index of two platforms with attestations. */
export function makeDemoImage(content) {
  const libraries = libraryLayer(content);
  const node = addLayer(content, createTar([nodeFile()]), "gzip");
  const npm = addLayer(content, createTar(npmFiles()), hasZstd() ? "zstd" : "gzip");
  const app = addLayer(content, createTar([appFile()]), "none");
  const config = { Entrypoint: ["/usr/bin/node"], Cmd: ["/app/hello.js"], WorkingDir: "/app" };
  const here = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
  const there = { os: "linux", architecture: here.architecture === "arm64" ? "amd64" : "arm64" };
  const image = addImage(content, [libraries, node, npm, app], { platform: here, config });
  const other = addImage(content, [app], { platform: there, config });
  const members = [
    { descriptor: image.descriptor, platform: here },
    { descriptor: other.descriptor, platform: there },
  ];
  const index = makeIndex(content, members, { attestations: true });
  content.tag("demo/node:latest", index);
  return { index, image, platform: here };
}

function libraryLayer(content) {
  const { sharedObjects } = process.report.getReport();
  const paths = sharedObjects.filter(
    (path) => path.startsWith("/") && !path.includes("/node_modules/"),
  );
  const files = [...new Set(paths)]
    .filter((path) => path !== process.execPath && isFile(path))
    .map((path) => file(path.slice(1), readFileSync(realpathSync(path)), 0o755));
  const release = file("etc/os-release", Buffer.from('PRETTY_NAME="lading demo"\n'), 0o644);
  return addLayer(content, createTar([release, ...files]), "gzip");
}

function nodeFile() {
  return file("usr/bin/node", readFileSync(process.execPath), 0o755);
}

function npmFiles() {
  const root = join(dirname(realpathSync(process.execPath)), "..", "lib", "node_modules", "npm");
  const files = walk(join(root, "lib"))
    .slice(0, 400)
    .map((path) => file(join("usr/lib/npm", relative(root, path)), readFileSync(path), 0o644));
  return files.length > 0
    ? files
    : [file("usr/lib/npm/README", Buffer.from("no npm here\n"), 0o644)];
}

function appFile() {
  return file("app/hello.js", Buffer.from('console.log("hello from", process.version);\n'), 0o644);
}

function file(path, content, mode) {
  return { path, type: "file", mode, content };
}

function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function walk(folder) {
  const entries = statSync(folder, { throwIfNoEntry: false })
    ? readdirSync(folder, { withFileTypes: true })
    : [];
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : [];
    });
}
