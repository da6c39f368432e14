import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

async function registryWithImage(): Promise<ScriptedRegistry> {
  const registry = await ScriptedRegistry.start();
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1, layers: 1 }).descriptor);
  return registry;
}

async function lines(path: string): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(path, "utf8");
  expect(text.endsWith("\n")).toBe(true);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("--trace", () => {
  it("appends each request to a file that nobody else may read, whatever the command", async () => {
    await using registry = await registryWithImage();
    const home = await temporaryFolder();
    const path = join(home, "requests.ndjson");
    const image = `${registry.address}/app:1`;
    expect((await lading(["pull", "--trace", path, image], { home })).code).toBe(0);
    const pulled = await lines(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const answered = pulled.filter((line) => line.status !== undefined);
    expect(answered.map(({ method, url }) => `${method} ${url}`).sort()).toEqual(
      registry.received
        .map(({ method, path }) => `${method} http://${registry.address}${path}`)
        .sort(),
    );
    for (const line of pulled) {
      expect(line).toMatchObject({ v: 1, role: "registry", attempt: 1 });
      expect(new Date(String(line.time)).toISOString()).toBe(line.time);
    }
    await lading(["manifest", "--trace", path, image], { home });
    const more = await lines(path);
    expect(more.length).toBeGreaterThan(pulled.length);
    expect(more.slice(0, pulled.length)).toEqual(pulled);
  });

  it("that can't be written is an error before anything is asked for", async () => {
    await using registry = await registryWithImage();
    const home = await temporaryFolder();
    const args = ["pull", "--trace", join(home, "none/requests"), `${registry.address}/app:1`];
    const { code, stderr } = await lading(args, { home });
    expect(code).toBe(1);
    expect(stderr).toMatch(/the file for --trace can't be written: ENOENT/);
    expect(registry.received).toEqual([]);
  });

  it("that takes no more is told once, and the command goes on", async () => {
    await using registry = await registryWithImage();
    const home = await temporaryFolder();
    const args = [
      "pull",
      "--progress",
      "plain",
      "--trace",
      "/dev/full",
      `${registry.address}/app:1`,
    ];
    const { code, stderr } = await lading(args, { home });
    expect(code).toBe(0);
    expect(stderr.match(/warning: \/dev\/full takes no more requests: ENOSPC/g)).toHaveLength(1);
  });

  it("leaves the rights of a file alone that is there", async () => {
    await using registry = await registryWithImage();
    const home = await temporaryFolder();
    const path = join(home, "requests.ndjson");
    await writeFile(path, "");
    await chmod(path, 0o640);
    await lading(["pull", "--trace", path, `${registry.address}/app:1`], { home });
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect((await lines(path)).length).toBeGreaterThan(0);
  });
});

describe("a request without an answer", () => {
  it("says why, to people and in the file", async () => {
    const registry = await ScriptedRegistry.start();
    const { address } = registry;
    await registry[Symbol.asyncDispose]();
    const home = await temporaryFolder();
    const path = join(home, "requests.ndjson");
    const args = ["manifest", "-v", "--trace", path, `${address}/app:1`];
    const { code, stderr } = await lading(args, { home });
    expect(code).toBe(6);
    const why = `${address}: nothing listens there`;
    expect(stderr).toContain(`/v2/app/manifests/1 no answer: ${why}, `);
    const [first] = await lines(path);
    expect(first).toMatchObject({ error: "network", message: why });
  });
});

describe("--verbose", () => {
  it("prints a line for each request that says what is not usual", async () => {
    await using registry = await registryWithImage();
    const home = await temporaryFolder();
    registry.challenge = 'Basic realm="r"';
    registry.on("GET /v2/app/blobs/", status(503, { "retry-after": "0.01" }));
    const auth = Buffer.from("me:secret").toString("base64");
    const config = JSON.stringify({ auths: { [registry.address]: { auth } } });
    const authFile = join(home, "auth.json");
    await writeFile(authFile, config);
    const args = ["pull", "-v", "--progress", "plain", "--authfile", authFile];
    const { code, stderr } = await lading([...args, `${registry.address}/app:1`], { home });
    expect(code).toBe(0);
    const told = stderr.split("\n").filter((line) => / https?:/.test(line));
    const at = `http://${registry.address}/v2/app`;
    const me = `as ${authFile} (${registry.address})`;
    const matching = (text: RegExp): readonly string[] => told.filter((line) => text.test(line));
    const challenged = matching(/ 401, /);
    expect(challenged).toHaveLength(1);
    expect(challenged[0]).toMatch(
      new RegExp(`^HEAD ${at}/manifests/1 401, [0-9]+ ms, new connection$`),
    );
    expect(matching(/ 503, [0-9]+ ms, .*retry after 0\.01, as /)).toHaveLength(1);
    expect(
      matching(/\/blobs\/sha256:[0-9a-f]{12}… 200, [0-9.]+ k?B, [0-9]+ ms, .*try 2, as /),
    ).toHaveLength(1);
    const answered = matching(/ [2-5][0-9][0-9], /).filter((line) => !challenged.includes(line));
    for (const line of answered) expect(line).toContain(me);
  });
});
