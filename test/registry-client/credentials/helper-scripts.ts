import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "../../temporary.ts";

export interface Helpers {
  /** With the helpers on its `PATH`, and nothing of the machine's own. */
  readonly environment: NodeJS.ProcessEnv;
  readonly folder: string;
  /** Makes `docker-credential-NAME` of a script for `sh`. */
  script(name: string, lines: string): Promise<void>;
  /** Makes a helper that works, and keeps what it is given in a file. */
  keeper(name: string, secrets?: Record<string, readonly [string, string]>): Promise<void>;
  /** `get ghcr.io`, of each call of a keeper, in order. */
  calls(): Promise<readonly string[]>;
  /** What a keeper holds. */
  kept(name: string): Promise<Record<string, readonly [string, string]>>;
}

/** A folder of credential helpers, real programs. */
export async function helperFolder(): Promise<Helpers> {
  const home = await temporaryFolder();
  const folder = join(home, "bin");
  await mkdir(folder);
  const log = join(home, "calls");
  const state = (name: string): string => join(home, `${name}.json`);
  const environment: NodeJS.ProcessEnv = {
    PATH: `${folder}:${dirname(process.execPath)}:/usr/bin:/bin`,
    HOME: home,
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_RUNTIME_DIR: join(home, "run"),
  };
  const install = async (name: string, text: string): Promise<void> => {
    const path = join(folder, `docker-credential-${name}`);
    await writeFile(path, text);
    await chmod(path, 0o755);
  };
  return {
    environment,
    folder,
    script: (name, lines) => install(name, `#!/bin/sh\n${lines}\n`),
    async keeper(name, secrets = {}) {
      await writeFile(state(name), JSON.stringify(secrets));
      await install(name, keeperScript(state(name), log));
    },
    async calls() {
      const text = await readFile(log, "utf8").catch(() => "");
      return text.split("\n").filter((line) => line !== "");
    },
    kept: async (name) => JSON.parse(await readFile(state(name), "utf8")),
  };
}

function keeperScript(state: string, log: string): string {
  return `#!/usr/bin/env node
const { readFileSync, writeFileSync, appendFileSync } = require("node:fs");
const verb = process.argv[2];
const input = readFileSync(0, "utf8").trim();
const kept = JSON.parse(readFileSync(${JSON.stringify(state)}, "utf8"));
const { ServerURL: server } = verb === "store" ? JSON.parse(input) : { ServerURL: input };
appendFileSync(${JSON.stringify(log)}, verb + " " + server + "\\n");
const save = () => writeFileSync(${JSON.stringify(state)}, JSON.stringify(kept));
if (verb === "list") {
  const names = Object.entries(kept).map(([key, [user]]) => [key, user]);
  console.log(JSON.stringify(Object.fromEntries(names)));
} else if (verb === "store") {
  const { Username, Secret } = JSON.parse(input);
  kept[server] = [Username, Secret];
  save();
} else if (kept[server] === undefined) {
  console.log("credentials not found in native keychain");
  process.exitCode = 1;
} else if (verb === "get") {
  const [Username, Secret] = kept[server];
  console.log(JSON.stringify({ ServerURL: server, Username, Secret }));
} else {
  delete kept[server];
  save();
}
`;
}
