import { spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  createRegistry,
  MadeContent,
  randomImage,
  type TestRegistry,
} from "../../src/testkit/index.ts";
import { writeLayout } from "../interop/layout.ts";
import { selfSigned } from "../registry/self-signed.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading, type Ran, type RunOptions } from "./run-command.ts";

let registry: TestRegistry;
let image: string;
let home: string;

beforeAll(async () => {
  registry = await createRegistry();
  const made = randomImage(registry.content, { seed: 1, layers: 2, fileSize: 400_000 });
  registry.content.tag("app:1", made.descriptor);
  image = `${registry.address}/app:1`;
});
afterAll(() => registry.close());
beforeEach(async () => {
  home = await temporaryFolder();
});

/** One error: its code in the JSON document, the exit code, what was being done, and a hint. */
async function expectError(
  args: readonly string[],
  expected: { readonly exit: number; readonly code: string; readonly says?: RegExp },
  options: Partial<RunOptions> = {},
): Promise<Ran> {
  const ran = await lading([...args, "--json", "--progress", "none"], { home, ...options });
  expect(ran.code).toBe(expected.exit);
  const { error } = JSON.parse(ran.stdout);
  expect(error.code).toBe(expected.code);
  expect(error.hint).toBeTruthy();
  const errorLines = ran.stderr.split("\n").filter((line) => line.startsWith("lading: "));
  expect(errorLines).toHaveLength(1);
  expect(ran.stderr).toMatch(/^hint: /m);
  expect(ran.stderr).not.toMatch(/^\s+at /m);
  if (expected.says !== undefined) expect(ran.stderr).toMatch(expected.says);
  return ran;
}

async function registryThatAnswers(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("bad input gets one error with its code, what was being done, and a hint", () => {
  it.each(["@@", "Alpine", "app:", "a b", `app@sha256:${"0".repeat(63)}`, "oci:/tmp/layout"])(
    "a reference that can't be parsed (2): %s",
    async (reference) => {
      const says = /^lading: could not pull /;
      await expectError(["pull", reference], { exit: 2, code: "invalid-reference", says });
    },
  );

  it("a reference that can't be parsed stops the others before anything moves (2)", async () => {
    const before = registry.requests.length;
    await expectError(["pull", image, "@@"], { exit: 2, code: "invalid-reference" });
    expect(registry.requests.length).toBe(before);
  });

  it("a host that does not resolve (6)", async () => {
    // A label of more than 63 characters is refused by the resolver without asking anyone.
    const host = `${"a".repeat(64)}.invalid`;
    await expectError(["pull", `${host}/app`], {
      exit: 6,
      code: "network",
      says: /a{64}\.invalid/,
    });
  });

  it("a host that does not listen (6)", async () => {
    const address = await registryThatAnswers(() => {});
    const free = await closedPort();
    expect(free).not.toBe(address);
    await expectError(["pull", `${free}/app`], {
      exit: 6,
      code: "network",
      says: /nothing listens/,
    });
  });

  it("a wrong password (4)", async () => {
    await using guarded = await createRegistry({
      content: registry.content,
      auth: { kind: "basic", users: { me: "right" } },
    });
    const auth = Buffer.from("me:wr0ng-pass").toString("base64");
    const config = JSON.stringify({ auths: { [guarded.address]: { auth } } });
    await mkdir(join(home, "docker"));
    await writeFile(join(home, "docker/config.json"), config);
    const reference = `${guarded.address}/app:1`;
    const ran = await expectError(["pull", reference], { exit: 4, code: "unauthorized" });
    expect(ran.stderr + ran.stdout).not.toContain("wr0ng-pass");
    expect(ran.stderr + ran.stdout).not.toContain(auth);
  });

  it("a missing tag (3)", async () => {
    const says = /could not pull .*app:nope/;
    const reference = `${registry.address}/app:nope`;
    await expectError(["pull", reference], { exit: 3, code: "not-found", says });
    await expectError(["manifest", reference], { exit: 3, code: "not-found" });
    await expectError(["inspect", reference], { exit: 3, code: "not-found" });
  });

  it("a platform that is not there (3), with those that are", async () => {
    const says = /^hint: available: linux\/amd64/m;
    const args = ["pull", "--platform", "linux/s390x", image];
    await expectError(args, { exit: 3, code: "platform-not-found", says });
  });

  it("a platform, number, policy or option that makes no sense (2)", async () => {
    const usage = { exit: 2, code: "usage" };
    await expectError(["pull", "--platform", "a/b/c/d", image], usage);
    await expectError(["pull", "--concurrency", "0", image], usage);
    await expectError(["pull", "--policy", "sometimes", image], usage);
    await expectError(["pull", "--frobnicate", image], usage);
    await expectError(["pull"], usage);
    await expectError(["pul", image], usage);
    await expectError(["store"], usage);
    await expectError(["rm", "--platform", "linux/amd64", "app"], usage);
    await expectError(["blob", image, "sha256:12"], usage);
    await expectError(["serve", "--listen", "nowhere"], usage);
    await expectError(["pull", "--all-platforms", "--platform", "linux/amd64", image], usage);
  });

  it("a store root that is a file (1)", async () => {
    const root = join(home, "file");
    await writeFile(root, "precious");
    const args = ["pull", "--root", root, image];
    await expectError(args, { exit: 1, code: "disk", says: /not a folder/ });
    expect(await readFile(root, "utf8")).toBe("precious");
  });

  it("a store root that is not writable (1)", async ({ skip }) => {
    if (process.getuid?.() !== 0) {
      await mkdir(join(home, "locked"), { mode: 0o500 });
      await expectError(["pull", "--root", join(home, "locked"), image], { exit: 1, code: "disk" });
      await chmod(join(home, "locked"), 0o700);
      return;
    }
    // Root may write everywhere but on what is mounted read-only.
    if (!canMount()) skip("needs to mount");
    const folder = join(home, "locked");
    await mkdir(folder);
    const script = `mount -t tmpfs -o ro none ${folder} && exec "$@"`;
    const wrapper = ["unshare", "-rm", "sh", "-c", script, "sh"];
    const args = ["pull", "--root", join(folder, "store"), image];
    await expectError(args, { exit: 1, code: "disk" }, { wrapper });
  });

  it("a store on a read-only file system is read, and refuses to be written (1)", async ({
    skip,
  }) => {
    if (!canMount()) skip("needs to mount");
    await lading(["pull", image], { home });
    const store = join(home, "store");
    const script = `mount --bind ${store} ${store} && mount -o remount,ro,bind ${store} && exec "$@"`;
    const wrapper = ["unshare", "-rm", "sh", "-c", script, "sh"];
    const listed = await lading(["images", "--json"], { home, wrapper });
    expect(JSON.parse(listed.stdout)).toMatchObject({ images: [{ reference: image }] });
    expect((await lading(["store", "verify"], { home, wrapper })).code).toBe(0);
    expect((await lading(["manifest", `store:${image}`], { home, wrapper })).code).toBe(0);
    for (const args of [
      ["store", "gc"],
      ["rm", image],
      ["pull", image],
    ]) {
      await expectError(args, { exit: 1, code: "disk", says: /read-only/ }, { wrapper });
    }
  });

  it("a full disk (1), and nothing half-made is visible (origin 4.2, fault 21)", async ({
    skip,
  }) => {
    if (!canMount()) skip("needs to mount a small file system");
    const folder = join(home, "small");
    await mkdir(folder);
    const hashes = `find ${folder}/blobs -type f -exec sha256sum {} +`;
    const script = `mount -t tmpfs -o size=1m none ${folder}; "$@"; code=$?; ${hashes} >&2; exit $code`;
    const wrapper = ["unshare", "-rm", "sh", "-c", script, "sh"];
    const args = ["pull", "--root", folder, image];
    const ran = await expectError(args, { exit: 1, code: "disk", says: /full/ }, { wrapper });
    for (const [, hash, name] of ran.stderr.matchAll(/^([0-9a-f]{64}) .*\/(.*)$/gm)) {
      expect(name).toBe(hash);
    }
  });

  it("a corrupt database heals from the disk", async () => {
    await lading(["pull", image], { home });
    const store = join(home, "store");
    const files = (await readdir(store)).filter((name) => name.startsWith("catalog.db"));
    expect(files).toContain("catalog.db");
    for (const name of files) await writeFile(join(store, name), "this is no database".repeat(500));
    const { code, stdout } = await lading(["images", "--json"], { home });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ images: [{ reference: image }] });
  });

  it("a registry that answers HTML (5)", async () => {
    const address = await registryThatAnswers((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!DOCTYPE html><title>Log in to the hotel's network</title>");
    });
    const args = ["pull", "--plain-http", `${address}/app:1`];
    const says = /could not pull .*app:1: .*\n(?: {2}.*\n)*hint: /;
    await expectError(args, { exit: 5, code: "malformed", says });
    await expectError(["tags", `${address}/app`], { exit: 5, code: "malformed" });
  });

  it("a registry that redirects in circles (6)", async () => {
    const address = await registryThatAnswers((request, response) => {
      response.writeHead(307, { location: String(request.url) }).end();
    });
    const args = ["pull", "--plain-http", `${address}/app:1`];
    const says = /redirects more than 10 times/;
    await expectError(args, { exit: 6, code: "registry-unavailable", says });
  });

  it("a registry whose certificate is not trusted (6), without a word in the open", async () => {
    const heard: string[] = [];
    const server = createSecureServer(selfSigned, () => heard.push("a request"));
    server.on("tlsClientError", ({ message }) => heard.push(message));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const says = /certificate is not trusted/;
    await expectError(["pull", `127.0.0.1:${port}/app:1`], { exit: 6, code: "network", says });
    expect(heard.join()).not.toMatch(/a request|http request/i);
  });

  it("tags of a repository that the store does not have (3)", async () => {
    await expectError(["tags", "store:nope"], { exit: 3, code: "not-found" });
    await lading(["pull", image], { home });
    await expectError(["tags", "store:nope"], { exit: 3, code: "not-found" });
  });

  it("an artifact where an image is wanted (3)", async () => {
    const { content } = registry;
    const config = content.add("application/vnd.cncf.helm.config.v1+json", Buffer.from("{}"));
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const manifest = { schemaVersion: 2, mediaType, config, layers: [config] };
    content.tag("chart:1", content.addManifest(mediaType, manifest));
    const chart = `${registry.address}/chart:1`;
    const says = /^hint: look at its manifest instead/m;
    const error = { exit: 3, code: "not-found", says };
    for (const word of ["inspect", "config"]) await expectError([word, chart], error);
    expect((await lading(["pull", chart], { home })).code).toBe(0);
    expect((await lading(["pull", "--policy", "never", chart], { home })).code).toBe(0);
    for (const word of ["inspect", "config"]) await expectError([word, `store:${chart}`], error);
  });

  it("a platform that the store's one image is not for (3)", async () => {
    await lading(["pull", image], { home });
    const error = { exit: 3, code: "platform-not-found", says: /^hint: .*linux\/amd64/m };
    const platform = ["--platform", "linux/arm64"];
    await expectError(["pull", ...platform, image], error);
    await expectError(["pull", ...platform, "--policy", "never", image], error);
    for (const word of ["inspect", "config", "manifest"]) {
      await expectError([word, ...platform, `store:${image}`], error);
      await expectError([word, ...platform, `docker://${image}`], error);
    }
  });

  it("an index.json that is a symbolic link (1), and a folder in the catalog's place", async () => {
    await lading(["pull", image], { home });
    const store = join(home, "store");
    await rename(join(store, "index.json"), join(home, "elsewhere.json"));
    await symlink(join(home, "elsewhere.json"), join(store, "index.json"));
    const linked = { exit: 1, code: "disk", says: /symbolic link/ };
    await expectError(["images"], linked);
    await expectError(["inspect", image], linked);
    await rename(join(home, "elsewhere.json"), join(store, "index.json"));
    for (const name of await readdir(store)) {
      if (name.startsWith("catalog.db")) await rm(join(store, name));
    }
    await mkdir(join(store, "catalog.db/precious"), { recursive: true });
    const folder = { exit: 1, code: "store-corrupt", says: /^hint: .*move it away/m };
    await expectError(["images"], folder);
    await expectError(["store", "rebuild"], folder);
    await rm(join(store, "catalog.db/precious"), { recursive: true });
    expect((await lading(["store", "rebuild"], { home })).stdout).toBe("rebuilt: 1 image\n");
  });

  it("a layout that someone else wrote is listed, and not harmed", async () => {
    await lading(["pull", image], { home });
    const path = join(home, "store/index.json");
    const index = JSON.parse(await readFile(path, "utf8"));
    const [ours] = index.manifests;
    const annotations = { "org.opencontainers.image.ref.name": "from-elsewhere", "x.foreign": "1" };
    index.manifests.push({ ...ours, annotations });
    await writeFile(path, JSON.stringify(index));
    const { stdout } = await lading(["images"], { home });
    expect(stdout).toContain("from-elsewhere");
    await lading(["rm", image], { home });
    expect(await readFile(path, "utf8")).toContain('"x.foreign"');
  });

  it("a layout that is wholly someone else's is listed, read, pulled into and cleared by its names", async () => {
    const content = new MadeContent();
    const theirs = randomImage(content, { seed: 5 });
    const store = join(home, "store");
    writeLayout(store, content, { latest: theirs.descriptor, "My Image": theirs.descriptor });
    const listed = await lading(["images", "--json"], { home });
    expect(JSON.parse(listed.stdout)).toMatchObject({
      images: [{ reference: "My Image" }, { reference: "latest" }],
    });
    const inspected = await lading(["inspect", "--json", "latest"], { home });
    const { digest } = theirs.descriptor;
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      reference: "latest",
      from: "store",
      manifest: { digest },
    });
    const raw = await lading(["manifest", "--raw", "store:latest"], { home });
    expect(raw.bytes).toEqual(Buffer.from(content.blobs.get(digest) ?? []));
    expect((await lading(["config", "store:My Image"], { home })).code).toBe(0);
    expect((await lading(["store", "verify"], { home })).code).toBe(0);

    expect((await lading(["pull", image], { home })).code).toBe(0);
    await using same = await createRegistry({ content });
    content.tag("theirs:1", theirs.descriptor);
    const pulled = await lading(["pull", "--json", `${same.address}/theirs:1`], { home });
    expect(JSON.parse(pulled.stdout)).toMatchObject({ pulled: [{ transferred: 0 }] });
    expect((await lading(["tags", `store:${same.address}/theirs`], { home })).stdout).toBe("1\n");

    const removed = await lading(["rm", "latest", "My Image"], { home });
    expect(removed).toMatchObject({ code: 0, stdout: `latest@${digest}\nMy Image@${digest}\n` });
    await expectError(["rm", "latest"], { exit: 3, code: "not-found" });
    const left = await lading(["images"], { home });
    expect(left.stdout).not.toMatch(/^latest|^My Image/m);
    expect(left.stdout).toContain(image);
  });
});

describe("an error", () => {
  it("is one JSON line with --progress json, from the first word on", async () => {
    for (const args of [["pull", "@@"], ["pull", "--nope"], ["frob"]]) {
      const { stderr, stdout } = await lading([...args, "--progress", "json"], { home });
      expect(stdout).toBe("");
      expect(JSON.parse(stderr)).toMatchObject({ v: 1, type: "error", error: {} });
    }
  });

  it("comes with its causes and its stack only when verbose", async () => {
    const free = await closedPort();
    const brief = await lading(["tags", `${free}/app`], { home });
    expect(brief.stderr).not.toMatch(/caused by|^\s+at /m);
    const verbose = await lading(["tags", `${free}/app`, "-v"], { home });
    expect(verbose.stderr).toMatch(/^code: network$/m);
    expect(verbose.stderr).toMatch(/^caused by: .*ECONNREFUSED/m);
    expect(verbose.stderr).toMatch(/^\s+at /m);
  });
});

/** An address at which nothing listens any more. */
async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

function canMount(): boolean {
  const probe = "mount -t tmpfs none /mnt";
  return spawnSync("unshare", ["-rm", "sh", "-c", probe]).status === 0;
}
