import { execFile } from "node:child_process";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { providerOf } from "../../src/registry/auth/provider/provider.ts";
import { defaultCredentials } from "../../src/registry/auth/sources/default.ts";
import { bestKey } from "../../src/registry/auth/sources/match.ts";
import { randomImage } from "../../src/testkit/index.ts";
import { command } from "../cli/run-command.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { quoted, read, rowsBelow } from "./document.ts";

const page = await read("docs/credentials.md");

describe("docs/credentials.md", () => {
  it("has the places in the order in which they are asked", async () => {
    const home = await temporaryFolder();
    const listed = rowsBelow(page, "").flatMap(([, , place]) => quoted(place).slice(0, 1));
    const expected = listed
      .slice(2)
      .map((place) => place.replace(/^~/, home).replace("UID", String(process.getuid?.())));
    const source = defaultCredentials({
      environment: { HOME: home },
      send: () => Promise.reject(new Error("no variable is set")),
    });
    const request = { registry: "ghcr.io", repository: "a", action: "pull" } as const;
    const { asked } = await source.explain({ ...request, origin: "https://ghcr.io" }, {});
    expect(asked).toEqual(expected);
    expect(listed.slice(0, 2)).toEqual(["credentials", "--authfile"]);
  });

  it("says what keys match", () => {
    const rows = rowsBelow(page, "key");
    expect(rows.length).toBeGreaterThan(5);
    for (const [key, , matches, not] of rows) {
      const [one = ""] = quoted(key);
      expect(bestKey([one], target(quoted(matches)[0])), `${key} ${matches}`).toBe(one);
      expect(bestKey([one], target(quoted(not)[0])), `${key} ${not}`).toBeUndefined();
    }
  });

  it("has each cloud, with its hosts and its variables", async () => {
    const rows = rowsBelow(page, "cloud");
    for (const [name, hosts] of rows) {
      for (const host of quoted(hosts)) expect(providerOf(host)?.name).toBe(name);
    }
    const folder = "src/registry/auth/provider";
    const files = await readdir(join(import.meta.dirname, "../..", folder));
    const sources = await Promise.all(files.map((file) => read(join(folder, file))));
    const code = sources.join("").replace(/\/\*\*.*?\*\//gs, "");
    const used = code.match(/\b(?:AWS|AZURE|GOOGLE|GITHUB|GH|CLOUDSDK)_[A-Z_]+\b/g) ?? [];
    const listed = rows.flatMap(([, , variables]) => quoted(variables));
    expect([...new Set(listed)].sort()).toEqual([...new Set(used)].sort());
  });

  it("has examples for a shell that pull with the robot's password", async () => {
    const examples = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text = ""]) => text);
    expect(examples).toHaveLength(4);
    for (const example of examples) {
      await using registry = await ScriptedRegistry.start();
      registry.challenge = 'Basic realm="r"';
      registry.content.tag("team/app:1", randomImage(registry.content, { seed: 1 }).descriptor);
      const home = await temporaryFolder();
      await mkdir(join(home, "tools"));
      await symlink(process.execPath, join(home, "tools/node"));
      const wrapper = `#!/bin/sh\nexec node ${command} "$@"\n`;
      await writeFile(join(home, "tools/lading"), wrapper, { mode: 0o755 });
      const script = example.replaceAll("registry.example", registry.address);
      const env = { HOME: home, PATH: `${join(home, "tools")}:/usr/bin:/bin` };
      await promisify(execFile)("sh", ["-euc", script], { cwd: home, env });
      const seen = new Set(registry.received.map(({ headers }) => headers.authorization));
      const robot = `Basic ${Buffer.from("robot:secret").toString("base64")}`;
      expect([...seen]).toEqual([undefined, robot]);
    }
  });
});

function target(reference = ""): { registry: string; repository: string } {
  const slash = reference.indexOf("/");
  return { registry: reference.slice(0, slash), repository: reference.slice(slash + 1) };
}
