import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createRegistry,
  type MadeImage,
  randomImage,
  type TestRegistry,
} from "../../src/testkit/index.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading, type Ran } from "./run-command.ts";

let registry: TestRegistry;
let made: MadeImage;
let image: string;
let home: string;

beforeAll(async () => {
  registry = await createRegistry();
  made = randomImage(registry.content, { seed: 1, layers: 2, fileSize: 200_000 });
  registry.content.tag("app:1", made.descriptor);
  image = `${registry.address}/app:1`;
});
afterAll(() => registry.close());
beforeEach(async () => {
  home = await temporaryFolder();
});

/** Exit code 1 and one error that says that standard output is the trouble. */
function refused(ran: Ran, hint = /^hint: the disk that it goes to is full$/m): void {
  expect(ran.stderr.split("\n").filter((line) => line.startsWith("lading: "))).toHaveLength(1);
  expect(ran.stderr).toMatch(/standard output does not take what is written/);
  expect(ran.stderr).toMatch(hint);
  expect(ran.stderr).not.toMatch(/^\s+at /m);
  expect(ran.code).toBe(1);
}

const shell = (script: string): string[] => ["sh", "-c", script, "sh"];

describe("what standard output does not take", () => {
  it.each([
    ["images", ["images", "--json"]],
    ["manifest --raw", ["manifest", "--raw"]],
    ["config", ["config"]],
    ["pull", ["pull", "-q"]],
    ["pull --json", ["pull", "--json", "-q"]],
    ["help", ["--help"]],
    ["a completion script", ["completion", "bash"]],
  ])("is exit code 1, not a quiet success: %s", async (_name, args) => {
    const named = ["images", "--help", "completion"].includes(args[0] ?? "") ? [] : [image];
    const wrapper = shell('exec "$@" > /dev/full');
    refused(await lading([...args, ...named], { home, wrapper }));
  });

  it("does not take the place of the error that it was to hold", async () => {
    const args = ["pull", "--json", "-q", "--policy", "never", image];
    const ran = await lading(args, { home, wrapper: shell('exec "$@" > /dev/full') });
    expect(ran.code).toBe(3);
    expect(ran.stderr).toMatch(/^lading: .*not in the store\nhint: .*\n$/);
  });

  it("has its code in the JSON lines", async () => {
    const wrapper = shell('exec "$@" > /dev/full');
    const ran = await lading(["images", "--json", "--progress", "json"], { home, wrapper });
    expect(JSON.parse(ran.stderr)).toMatchObject({ type: "error", error: { code: "disk" } });
    expect(ran.code).toBe(1);
  });

  it("is noticed for the version, which nothing else is loaded for", async () => {
    const ran = await lading(["--version"], { home, wrapper: shell('exec "$@" > /dev/full') });
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/^lading: .*\n$/) });
  });

  it("is noticed when only a part has room: a document, a blob's one chunk, its last one", async ({
    skip,
  }) => {
    if (!canMount()) skip("needs to mount a small file system");
    const folder = join(home, "small");
    await mkdir(folder);
    const [layer = made.config] = made.layers;
    const size = Math.ceil(layer.size / 4096);
    for (const [pages, args] of [
      [0, ["manifest", "--raw", image]],
      [8, ["blob", image, layer.digest, "--length", "60000"]],
      [size - 1, ["blob", image, layer.digest]],
    ] as const) {
      // The file system's folder takes one page, and so does the file that fills it.
      const fill = `head -c $(( (${size} + 4 - ${pages}) * 4096 )) /dev/zero > ${folder}/full`;
      const mount = `mount -t tmpfs -o size=$(( (${size} + 4) * 4096 )) none ${folder}`;
      const wrapper = ["unshare", "-rm", ...shell(`${mount} && ${fill}; "$@" > ${folder}/out`)];
      refused(await lading(args, { home, wrapper }));
    }
    const wrapper = [
      "unshare",
      "-rm",
      ...shell(`mount -t tmpfs none ${folder} && "$@" > ${folder}/out; cat ${folder}/out`),
    ];
    const whole = await lading(["blob", image, layer.digest], { home, wrapper });
    expect(whole.bytes).toEqual(Buffer.from(registry.content.blobs.get(layer.digest) ?? []));
  });
});

describe("a reader that has seen enough", () => {
  it.each([
    ["blob", () => ["blob", image, made.layers[0]?.digest ?? ""]],
    ["manifest", () => ["manifest", image]],
    ["help", () => ["--help"]],
  ])("is no failure: %s", async (_name, args) => {
    const wrapper = ["bash", "-o", "pipefail", "-c", '"$@" | head -c 1', "bash"];
    const ran = await lading(args(), { home, wrapper });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.bytes).toHaveLength(1);
  });
});

function canMount(): boolean {
  return spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0;
}
