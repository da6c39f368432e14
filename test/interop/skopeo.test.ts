import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/local-store.ts";
import {
  createRegistry,
  MadeContent,
  randomImage,
  validateImage,
} from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { temporaryFolder } from "../temporary.ts";
import { installed } from "./debian-registry.ts";
import { writeLayout } from "./layout.ts";

const run = promisify(execFile);

describe.runIf(installed("skopeo"))("skopeo", () => {
  it("reads the store as an OCI layout", async () => {
    const { root, reference, digest } = await pulled(31);
    const { stdout } = await run("skopeo", ["inspect", "--raw", `oci:${root}:${reference}`]);
    const copy = join(await temporaryFolder(), "copy");
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "-q",
      `oci:${root}:${reference}`,
      `oci:${copy}:x`,
    ]);
    expect(JSON.parse(stdout).layers).toHaveLength(2);
    expect(
      (await run("sha256sum", [join(root, "blobs/sha256", digest.slice(7))])).stdout,
    ).toContain(digest.slice(7));
  });

  it("may write into the store: what it adds is seen, what lading named stays", async () => {
    const { root, reference } = await pulled(32);
    const content = new MadeContent();
    const made = randomImage(content, { seed: 33 });
    const layout = await temporaryFolder();
    writeLayout(layout, content, { theirs: made.descriptor });
    const to = `oci:${root}:registry.example/theirs:1`;
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "-q",
      "--preserve-digests",
      `oci:${layout}:theirs`,
      to,
    ]);
    await using store = await openStore({ root });
    const images = await store.images();
    expect(images.map((image) => image.reference).sort()).toEqual(
      [reference, "registry.example/theirs:1"].sort(),
    );
    expect((await store.collect()).blobs).toEqual([]);
    expect((await validateImage(store, made.descriptor)).images).toBe(1);
  });

  it("pulls from lading serve, and gets the same image", async () => {
    const { root, digest } = await pulled(34);
    const lading = await open({ root });
    await using server = await lading.serve();
    const copy = join(await temporaryFolder(), "copy");
    const from = `docker://${server.address}/app:1`;
    const args = [
      "--insecure-policy",
      "copy",
      "-q",
      "--src-tls-verify=false",
      from,
      `oci:${copy}:x`,
    ];
    await run("skopeo", args);
    const index = await readFile(join(copy, "index.json"), "utf8");
    expect(JSON.parse(index).manifests[0].digest).toBe(digest);
    await lading.close();
  });
});

describe.skipIf(installed("skopeo"))("skopeo", () => {
  it.skip("is not on this machine: apt-get install skopeo");
});

async function pulled(seed: number): Promise<{ root: string; reference: string; digest: string }> {
  await using registry = await createRegistry();
  const root = await temporaryFolder();
  registry.content.tag("app:1", randomImage(registry.content, { seed }).descriptor);
  const lading = await open({ root });
  const { reference, digest } = await lading.pull(`${registry.address}/app:1`);
  await lading.close();
  return { root, reference, digest };
}
