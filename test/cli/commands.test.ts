import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createRegistry,
  type MadeImage,
  makeIndex,
  randomImage,
  type TestRegistry,
} from "../../src/testkit/index.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading, start } from "./run-command.ts";

let registry: TestRegistry;
let made: MadeImage;
let arm: MadeImage;
let index: string;
let home: string;
let app: string;

beforeAll(async () => {
  registry = await createRegistry();
  const { content } = registry;
  const config = {
    Env: ["PATH=/bin", "EVIL=\u001b]0;title\u0007"],
    Labels: { "org.example.name": "app" },
    Entrypoint: ["/bin/app", "--serve"],
  };
  made = randomImage(content, { seed: 1, layers: 3, config });
  const platform = { os: "linux", architecture: "arm64" };
  arm = randomImage(content, { seed: 2, platform });
  const top = makeIndex(
    content,
    [
      { descriptor: made.descriptor, platform: { os: "linux", architecture: "amd64" } },
      { descriptor: arm.descriptor, platform },
    ],
    { attestations: true },
  );
  index = top.digest;
  content.tag("team/app:1", top);
  content.tag("team/app:2", made.descriptor);
  app = `${registry.address}/team/app`;
});
afterAll(() => registry.close());
beforeEach(async () => {
  home = await temporaryFolder();
});

function run(...args: string[]): ReturnType<typeof lading> {
  return lading(args, { home });
}

async function json(...args: string[]): Promise<unknown> {
  const { stdout, code } = await run(...args, "--json");
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

const amd64 = ["--platform", "linux/amd64"];

describe("lading pull", () => {
  it("prints the reference with the digest that it resolved to, and nothing else, on stdout", async () => {
    const { code, stdout, stderr } = await run("pull", ...amd64, `${app}:1`, `docker://${app}:2`);
    expect(stdout).toBe(`${app}:1@${index}\n${app}:2@${made.descriptor.digest}\n`);
    expect(code).toBe(0);
    expect(stderr).toContain(`${app}:1 is ${index}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is looked for
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it("takes options before the command too, and the root from the environment", async () => {
    const root = join(home, "elsewhere");
    expect((await run("--root", root, ...amd64, "pull", `${app}:1`)).code).toBe(0);
    expect(await readFile(join(root, "oci-layout"), "utf8")).toContain("imageLayoutVersion");
    const listed = await lading(["images", "--json"], { home, env: { LADING_ROOT: root } });
    expect(JSON.parse(listed.stdout)).toMatchObject({ images: [{ reference: `${app}:1` }] });
  });

  it("gives one JSON document for all, and JSON lines beside it", async () => {
    const args = ["pull", ...amd64, `${app}:1`, `${app}:2`, "--json", "--progress", "json"];
    const { stdout, stderr } = await run(...args);
    expect(JSON.parse(stdout)).toMatchObject({
      pulled: [
        {
          reference: `${app}:1`,
          digest: index,
          upToDate: false,
          images: [
            {
              platform: "linux/amd64",
              manifest: { digest: made.descriptor.digest },
              layers: made.layers.map(({ digest, size }) => ({ digest, size })),
            },
          ],
        },
        { reference: `${app}:2` },
      ],
    });
    const lines = stderr.trim().split("\n");
    const events = lines.map((line) => JSON.parse(line));
    expect(events.every(({ v, time, type }) => v === 1 && time && type)).toBe(true);
    const types = new Set(events.map(({ type }) => type));
    for (const type of ["resolving", "resolved", "planned", "started", "verified", "done"]) {
      expect(types).toContain(type);
    }
  });

  it("does not let one that fails keep the others back", async () => {
    const { code, stdout, stderr } = await run("pull", ...amd64, `${app}:nope`, `${app}:2`);
    expect(code).toBe(3);
    expect(stdout).toBe(`${app}:2@${made.descriptor.digest}\n`);
    expect(stderr).toContain(`could not pull ${app}:nope: `);
    const both = await run("pull", ...amd64, `${app}:nope`, `${app}:2`, "--json");
    expect(JSON.parse(both.stdout)).toMatchObject({
      pulled: [{ reference: `${app}:2` }],
      error: { code: "not-found" },
      failed: [{ code: "not-found", reference: `${app}:nope` }],
    });
  });

  it("is quiet when asked", async () => {
    const { stderr, stdout } = await run("pull", "-q", ...amd64, `${app}:1`);
    expect(stderr).toBe("");
    expect(stdout).toBe(`${app}:1@${index}\n`);
  });

  it("has the policies, all platforms and the concurrency of the library", async () => {
    expect((await run("pull", "--policy", "never", `${app}:1`)).code).toBe(3);
    await run("pull", "--all-platforms", "--concurrency", "1", `${app}:1`);
    const before = registry.requests.length;
    expect((await run("pull", "--policy", "missing", "--all-platforms", `${app}:1`)).code).toBe(0);
    expect(registry.requests.length).toBe(before);
    const listed = await json("images");
    expect(listed).toMatchObject({
      images: [{ images: [{ platform: "linux/amd64" }, { platform: "linux/arm64" }] }],
    });
  });
});

describe("the image words", () => {
  it("list what is in the store", async () => {
    const empty = await run("images");
    expect(empty).toMatchObject({ code: 0, stdout: "" });
    await run("pull", ...amd64, `${app}:1`);
    const { stdout } = await run("images");
    const [heading, row] = stdout.split("\n");
    expect(heading?.split(/ {2,}/)).toEqual(["REFERENCE", "DIGEST", "PLATFORMS", "SIZE", "PULLED"]);
    expect(row).toContain(`${app}:1  ${index.slice(7, 19)}  linux/amd64  `);
    expect(row).toMatch(/just now$/);
  });

  it("inspect the store first, then the registry, and say which", async () => {
    expect(await json("inspect", ...amd64, `${app}:1`)).toMatchObject({
      from: "registry",
      platform: "linux/amd64",
      manifest: { digest: made.descriptor.digest },
      config: { entrypoint: ["/bin/app", "--serve"], labels: { "org.example.name": "app" } },
      layers: made.layers.map(({ digest }, position) => ({
        digest,
        diffId: made.diffIds[position],
      })),
    });
    expect((await run("inspect", ...amd64, `store:${app}:1`)).code).toBe(3);
    await run("pull", ...amd64, `${app}:1`);
    expect(await json("inspect", ...amd64, `${app}:1`)).toMatchObject({ from: "store" });
    const fresh = await json("inspect", ...amd64, `docker://${app}:1`);
    expect(fresh).toMatchObject({ from: "registry" });
  });

  it("show an image as a sheet on which an image can't write escape codes", async () => {
    const { stdout } = await run("inspect", ...amd64, `${app}:1`);
    expect(stdout).toMatch(/^From +registry$/m);
    expect(stdout).toMatch(/^Entrypoint +\["\/bin\/app","--serve"\]$/m);
    expect(stdout).toContain("  org.example.name=app\n");
    expect(stdout).toContain("  EVIL=\\u001b]0;title\\u0007\n");
    for (const { digest } of made.layers) expect(stdout).toContain(digest);
  });

  it("remove names, and gc frees what they held", async () => {
    await run("pull", ...amd64, `${app}:1`, `${app}:2`);
    expect(await run("rm", `${app}:1`)).toMatchObject({ code: 0, stdout: `${app}:1@${index}\n` });
    expect((await run("rm", `${app}:1`)).code).toBe(3);
    expect(await json("rm", `${app}:2`)).toMatchObject({ removed: [{ reference: `${app}:2` }] });
    const would = await run("store", "gc", "--dry-run");
    expect(would.stdout).toMatch(/^would free .*: \d+ blobs and 0 unfinished downloads$/m);
    expect(await json("store", "gc")).toMatchObject({ dryRun: false, ingests: 0 });
    expect((await run("store", "gc")).stdout).toContain("freed 0 B");
  });

  it("remove what is there when one of several is not, and say both", async () => {
    await run("pull", ...amd64, `${app}:1`);
    const ran = await run("rm", "--json", `${app}:1`, `${app}:none`);
    expect(ran.code).toBe(3);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      removed: [{ reference: `${app}:1` }],
      failed: [{ reference: `${app}:none`, code: "not-found" }],
    });
    expect((await run("images", "--json")).stdout).not.toContain(`${app}:1`);
  });
});

describe("the registry words", () => {
  it("print manifests: for the eye, exactly, and for a platform", async () => {
    const raw = await run("manifest", "--raw", `${app}:1`);
    expect(`sha256:${createHash("sha256").update(raw.bytes).digest("hex")}`).toBe(index);
    const readable = await run("manifest", `${app}:1`);
    expect(JSON.parse(readable.stdout)).toEqual(JSON.parse(raw.stdout));
    const platform = await run("manifest", "--raw", "--platform", "linux/arm64", `${app}:1`);
    const hex = createHash("sha256").update(platform.bytes).digest("hex");
    expect(`sha256:${hex}`).toBe(arm.descriptor.digest);
    expect(await json("manifest", `${app}:1`)).toMatchObject({ descriptor: { digest: index } });
  });

  it("print configs", async () => {
    const { bytes } = await run("config", "--raw", ...amd64, `${app}:1`);
    const hex = createHash("sha256").update(bytes).digest("hex");
    expect(`sha256:${hex}`).toBe(made.config.digest);
    expect(await json("config", ...amd64, `${app}:1`)).toMatchObject({ architecture: "amd64" });
  });

  it("write blobs, and parts of them", async () => {
    const [layer] = made.layers;
    const digest = layer?.digest ?? "";
    const whole = await run("blob", app, digest);
    const sent = registry.content.blobs.get(layer?.digest ?? made.config.digest);
    expect(whole.bytes).toEqual(Buffer.from(sent ?? []));
    const part = await run("blob", app, digest, "--offset", "10", "--length", "5");
    expect(part.bytes).toEqual(whole.bytes.subarray(10, 15));
    const rest = await run("blob", app, digest, "--offset", "10");
    expect(rest.bytes).toEqual(whole.bytes.subarray(10));
    expect((await run("blob", app, digest, "--offset", "99999999")).code).toBe(2);
  });

  it("list tags", async () => {
    expect((await run("tags", app)).stdout).toBe("1\n2\n");
    expect(await json("tags", app)).toEqual({ repository: app, tags: ["1", "2"] });
  });

  it("ask the store when the place says so", async () => {
    await run("pull", ...amd64, `${app}:1`);
    const before = registry.requests.length;
    const manifest = await run("manifest", "--raw", `store:${app}:1`);
    expect(`sha256:${createHash("sha256").update(manifest.bytes).digest("hex")}`).toBe(index);
    const config = await run("config", "--raw", ...amd64, `store:${app}:1`);
    const hex = createHash("sha256").update(config.bytes).digest("hex");
    expect(`sha256:${hex}`).toBe(made.config.digest);
    const blob = await run("blob", `store:${app}`, made.config.digest, "--offset", "1");
    expect(blob.bytes).toEqual(config.bytes.subarray(1));
    expect((await run("tags", `store:${app}`)).stdout).toBe("1\n");
    expect((await run("manifest", `store:${app}:2`)).code).toBe(3);
    expect(registry.requests.length).toBe(before);
  });

  it("stop quietly when nobody reads on", async () => {
    const { content } = registry;
    const big = randomImage(content, { seed: 9, layers: 1, files: 1, fileSize: 8_000_000 });
    content.tag("team/big:1", big.descriptor);
    const running = start(["blob", `${registry.address}/team/big`, big.layers[0]?.digest ?? ""], {
      home,
    });
    running.child.stdout?.once("data", () => running.child.stdout?.destroy());
    const { code, stderr } = await running.ended;
    expect(stderr).toBe("");
    expect(code).toBe(0);
  });
});

describe("the store words", () => {
  it("verify all that is there, and name what is broken with exit code 5", async () => {
    await run("pull", ...amd64, `${app}:1`);
    const whole = await run("store", "verify");
    expect(whole.stdout).toMatch(/^\d+ blobs, .*: all whole$/m);
    expect(whole.code).toBe(0);
    const digest = made.layers[1]?.digest ?? "";
    const path = join(home, "store/blobs/sha256", digest.slice(7));
    const bytes = await readFile(path);
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const broken = await run("store", "verify");
    expect(broken.stdout).toContain(`${digest} has other content, needed by ${app}:1\n`);
    expect(broken.code).toBe(5);
    const repaired = await run("store", "verify", "--repair", "--json");
    expect(JSON.parse(repaired.stdout)).toMatchObject({ broken: [{ digest, quarantined: true }] });
    expect(repaired.code).toBe(5);
    expect((await run("pull", ...amd64, `${app}:1`)).code).toBe(0);
    expect((await run("store", "verify")).code).toBe(0);
  });

  it("rebuild the catalog", async () => {
    await run("pull", ...amd64, `${app}:1`);
    expect((await run("store", "rebuild")).stdout).toBe("rebuilt: 1 image\n");
    expect(await json("images")).toMatchObject({ images: [{ reference: `${app}:1` }] });
  });
});

describe("lading serve", () => {
  it("serves the store until it is interrupted, and can be pulled from", async () => {
    await run("pull", ...amd64, `${app}:1`);
    const server = start(["serve", "--json"], { home });
    const address = await new Promise<string>((resolve) =>
      server.child.stdout?.once("data", (line) => resolve(JSON.parse(line).address)),
    );
    const other = await temporaryFolder();
    const pulled = await lading(["pull", ...amd64, `${address}/team/app:1`], { home: other });
    expect(pulled.stdout).toBe(`${address}/team/app:1@${index}\n`);
    server.child.kill("SIGTERM");
    expect((await server.ended).code).toBe(143);
  });
});
