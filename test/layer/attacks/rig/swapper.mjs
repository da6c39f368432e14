// Swaps the directories of a tree for symbolic links and back, for as long as the tree is written.
import fs from "node:fs";
import path from "node:path";
import koffi from "koffi";

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
const renameat2 = koffi
  .load(null)
  .func("int renameat2(int, const char *, int, const char *, unsigned int)");

const [work, outside] = process.argv.slice(2);
const names = Array.from({ length: 8 }, (_, at) => `d${at}`);
let swaps = 0;
process.on("message", () => {
  process.send({ swaps });
  process.exit();
});
// Whoever started it is gone.
process.on("disconnect", () => process.exit());
process.send("ready");
turn();

function turn() {
  for (let round = 0; round < 20; round += 1) for (const tree of trees()) swapAll(tree);
  setImmediate(turn);
}

/** Wherever a layer is staged or merged: in the workshop beside the target. */
function trees() {
  const found = [];
  const look = (folder, depth) => {
    for (const name of list(folder)) {
      const full = path.join(folder, name);
      if (name === "rootfs") found.push(full);
      else if (depth > 0) look(full, depth - 1);
    }
  };
  for (const name of list(work)) if (name.startsWith(".rootfs")) look(path.join(work, name), 1);
  return found;
}

/** In one step each way: the name is always there, a directory now and a link then. */
function swapAll(tree) {
  for (const name of names) {
    const [at, link] = [path.join(tree, name), path.join(tree, `.link-${name}`)];
    try {
      fs.symlinkSync(outside, link);
    } catch {
      // It is there.
    }
    for (let turn = 0; turn < 2; turn += 1) {
      if (renameat2(AT_FDCWD, at, AT_FDCWD, link, RENAME_EXCHANGE) === 0) swaps += 1;
    }
  }
}

function list(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}
