import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a process does to files, by the name in `node:fs`: in a thread that writes, or in the main one. */
export type Call =
  | "mkdirSync"
  | "closeSync"
  | "renameSync"
  | "rmdirSync"
  | "promises.rename"
  | "promises.writeFile";

/** An environment in which the process kills itself before a thread's call of that number. */
export function dyingAt(home: string, call: Call, at: number): Readonly<Record<string, string>> {
  const path = join(home, "die.cjs");
  writeFileSync(path, HOOK);
  return { NODE_OPTIONS: `--require=${path}`, DIE_CALL: call, DIE_AT: String(at) };
}

const HOOK = `
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const path = process.env.DIE_CALL.split(".");
const name = path.pop();
const owner = path.length > 0 ? fs.promises : fs;
const real = owner[name];
let left = Number(process.env.DIE_AT);
owner[name] = (...args) => {
  if (left-- === 0) process.kill(process.pid, "SIGKILL");
  return real(...args);
};
syncBuiltinESMExports();
`;
