import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createRegistry, randomImage } from "../../src/testkit/index.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

let home: string;
beforeEach(async () => {
  home = await temporaryFolder();
});

/** The candidates for the last word. */
async function complete(...words: readonly string[]): Promise<readonly string[]> {
  const { stdout, code } = await lading(["complete", "--", ...words], { home });
  expect(code).toBe(0);
  const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith(":"));
  return lines.map((line) => line.split("\t")[0] ?? "");
}

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("prints a script for %s", async (shell) => {
    const { stdout, code } = await lading(["completion", shell], { home });
    expect(code).toBe(0);
    expect(stdout).toContain("lading complete --");
    if (shell === "bash") expect(spawnSync("bash", ["-n"], { input: stdout }).status).toBe(0);
  });

  it("refuses a shell that it does not know", async () => {
    expect((await lading(["completion", "csh"], { home })).code).toBe(2);
  });

  it("knows commands, and commands of commands", async () => {
    expect(await complete("i")).toEqual(["images", "inspect"]);
    expect(await complete("store", "")).toEqual(["verify", "rebuild", "gc"]);
    expect(await complete("")).not.toContain("complete");
  });

  it("knows options, a command's own and the common ones, and their values", async () => {
    expect(await complete("blob", "--off")).toEqual(["--offset"]);
    expect(await complete("pull", "--plat")).toEqual(["--platform"]);
    expect(await complete("pull", "--policy", "")).toEqual(["always", "missing", "never"]);
    expect(await complete("pull", "--platform", "linux/am")).toEqual(["linux/amd64"]);
    expect(await complete("images", "--progress", "j")).toEqual(["json"]);
    expect(await complete("bundle", "--roo")).toContain("--rootless");
    const ways = ["preserve", "override-stat", "rootless", "squash"];
    expect(await complete("pull", "--ownership", "")).toEqual(ways);
    expect(await complete("completion", "")).toEqual(["bash", "zsh", "fish"]);
  });

  it("knows the names that are in the store", async () => {
    await using registry = await createRegistry();
    registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
    await lading(["pull", `${registry.address}/app:1`], { home });
    expect(await complete("rm", "127")).toEqual([`${registry.address}/app:1`]);
    expect(await complete("inspect", "")).toEqual([`${registry.address}/app:1`]);
    expect(await complete("unpack", "127")).toEqual([`${registry.address}/app:1`]);
    expect(await complete("bundle", "app:1", "127")).toEqual([]);
    expect(await complete("pull", "127")).toEqual([]);
  });

  it("knows what one may log out of, and asks no helper for it", async () => {
    const folder = join(home, "config/lading");
    await mkdir(folder, { recursive: true });
    const auth = Buffer.from("me:secret").toString("base64");
    const auths = { "ghcr.io/org": { auth }, "registry.example": { auth } };
    const credHelpers = { "gcr.io": "not-there" };
    await writeFile(join(folder, "auth.json"), JSON.stringify({ auths, credHelpers }));
    expect(await complete("logout", "")).toEqual(["ghcr.io/org", "registry.example"]);
    expect(await complete("logout", "gh")).toEqual(["ghcr.io/org"]);
    expect(await complete("login", "gh")).toEqual([]);
  });
});
