import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RunningServer } from "../../src/server/index.ts";
import { createRegistry, randomImage, type TestRegistry } from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import { temporaryFolder } from "../temporary.ts";
import { ask } from "./ask.ts";

let one: TestRegistry;
let two: TestRegistry;
let lading: Lading;
let server: RunningServer;

beforeEach(async () => {
  [one, two] = await Promise.all([createRegistry(), createRegistry()]);
  lading = await open({ root: await temporaryFolder() });
  server = await lading.serve();
});
afterEach(async () => {
  await server.close();
  await lading.close();
  await Promise.all([one.close(), two.close()]);
});

function digestOf(path: string): Promise<string | undefined> {
  return ask(server, `HEAD ${path}`).then(
    ({ headers }) => headers["docker-content-digest"] as string,
  );
}

describe("a served store", () => {
  it("names a repository by its reference's path without the host; ns chooses, else the latest pulled", async () => {
    const first = randomImage(one.content, { seed: 1 }).descriptor;
    const second = randomImage(two.content, { seed: 2 }).descriptor;
    one.content.tag("team/app:1", first);
    two.content.tag("team/app:1", second);
    await lading.pull(`${one.address}/team/app:1`);
    expect(await digestOf("/v2/team/app/manifests/1")).toBe(first.digest);
    await lading.pull(`${two.address}/team/app:1`);
    expect(await digestOf("/v2/team/app/manifests/1")).toBe(second.digest);
    expect(await digestOf(`/v2/team/app/manifests/1?ns=${one.address}`)).toBe(first.digest);
    expect(await digestOf(`/v2/team/app/manifests/1?ns=${two.address}`)).toBe(second.digest);
    expect(await digestOf("/v2/team/app/manifests/1?ns=nobody.example")).toBeUndefined();
  });

  it("gives out what a repository's own images reach, nothing else of the store", async () => {
    const mine = randomImage(one.content, { seed: 3 });
    const other = randomImage(one.content, { seed: 4 });
    one.content.tag("mine:1", mine.descriptor);
    one.content.tag("other:1", other.descriptor);
    await lading.pull(`${one.address}/mine:1`);
    await lading.pull(`${one.address}/other:1`);
    const status = async (path: string) => (await ask(server, `GET ${path}`)).status;
    expect(await status(`/v2/mine/blobs/${mine.layers[0]?.digest}`)).toBe(200);
    expect(await status(`/v2/mine/blobs/${other.layers[0]?.digest}`)).toBe(404);
    expect(await status(`/v2/mine/manifests/${other.descriptor.digest}`)).toBe(404);
    expect((await ask(server, "GET /v2/mine/tags/list")).body).toBe('{"name":"mine","tags":["1"]}');
  });

  it("is pulled from by lading, and gives the same image", async () => {
    const image = randomImage(one.content, { seed: 5, layers: 4, repeatLayer: true }).descriptor;
    one.content.tag("app:1", image);
    await lading.pull(`${one.address}/app:1`);
    const second = await open({ root: await temporaryFolder() });
    expect((await second.pull(`${server.address}/app:1`)).digest).toBe(image.digest);
    await second.close();
  });
});
