import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import type { DoctorReport } from "../../src/verbs/doctor/doctor.ts";
import { open } from "../../src/verbs/open.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { mirrored } from "../registry/mirrored.ts";
import { ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { TokenServer } from "../registry/token-server.ts";
import { temporaryFolder } from "../temporary.ts";
import { examined, registryWithImage, step } from "./doctor-rig.ts";

/** What the doctor says of an image that a pull brings. */
async function pulledAndExamined(
  reference: string,
  options: OpenOptions = {},
): Promise<DoctorReport> {
  const root = await temporaryFolder();
  await using lading = await open({ root, config: false, ...options });
  await lading.pull(reference);
  const report = await examined(reference, options);
  expect(report, JSON.stringify(report)).toMatchObject({ ok: true, error: undefined });
  return report;
}

async function helperThatIsNotThere(): Promise<string> {
  const authFile = join(await temporaryFolder(), "auth.json");
  await writeFile(authFile, JSON.stringify({ credsStore: "not-there" }));
  return authFile;
}

describe("the doctor lets pass what a pull does without", () => {
  it("a rate limit, where HEAD is refused", async () => {
    const registry = await registryWithImage();
    registry.on("HEAD /v2/app/manifests/", status(405), 9);
    const report = await pulledAndExamined(`${registry.address}/app:1`);
    expect(step(report, "rate limit")).toMatchObject({ state: "ok", detail: "it tells of none" });
  });

  it("a rate limit, where nothing answers any more", async () => {
    const registry = await registryWithImage();
    registry.on("HEAD /v2/app/manifests/", ({ response }) => void response.destroy(), 99);
    const report = await examined(`${registry.address}/app:1`);
    expect(step(report, "rate limit")).toMatchObject({ state: "warning" });
    expect(report.ok).toBe(true);
  });

  it("a credential helper that is not there, where nobody is asked", async () => {
    const registry = await registryWithImage();
    const authFile = await helperThatIsNotThere();
    const report = await pulledAndExamined(`${registry.address}/app:1`, { authFile });
    expect(step(report, "credentials")).toMatchObject({
      state: "warning",
      detail: expect.stringContaining("docker-credential-not-there"),
    });
    expect(step(report, "manifest").state).toBe("ok");
  });

  it("a base that no registry would answer so", async () => {
    const registry = await registryWithImage();
    registry.on(/^GET \/v2\/$/, status(404, {}, "<html>"), 9);
    const report = await pulledAndExamined(`${registry.address}/app:1`);
    expect(step(report, "registry")).toMatchObject({
      state: "warning",
      detail: `${registry.address} answered 404 to GET /v2/`,
    });
  });

  it("a mirror's token server that gives none", async () => {
    const registry = await registryWithImage();
    const mirror = await registryWithImage();
    await using tokens = await TokenServer.start({ refuses: { GET: 503, POST: 503 } });
    mirror.challenge = tokens.challenge();
    const settings = mirrored(registry.address, [
      { at: mirror.address, capabilities: ["pull", "resolve"] },
    ]);
    const report = await pulledAndExamined(`${registry.address}/app:1`, { settings });
    expect(step(report, "token")).toMatchObject({ state: "skipped" });
    // And where the image is missing, that is what is told.
    const missing = await examined(`${registry.address}/app:none`, { settings });
    expect(step(missing, "token").state).toBe("skipped");
    expect(step(missing, "manifest")).toMatchObject({ state: "failed" });
    expect(missing.error?.code).toBe("not-found");
  });

  it("the registry's token, where a mirror with a token server of its own gives all", async () => {
    const mirror = await registryWithImage();
    await using tokens = await TokenServer.start({ users: {} });
    mirror.on(/./, tokens.guard(), 99);
    const settings = mirrored("registry.test", [
      { at: mirror.address, capabilities: ["pull", "resolve"] },
    ]);
    const transport: OpenOptions["transport"] = {
      lookup: async (address) => [{ address, family: 4 }],
    };
    const report = await pulledAndExamined("registry.test/app:1", { settings, transport });
    expect(tokens.received.length).toBeGreaterThan(0);
    expect(step(report, "token")).toMatchObject({ state: "skipped", detail: "none is asked for" });
    expect(step(report, "mirrors")).toMatchObject({
      state: "ok",
      detail: `${mirror.address} answered`,
    });
  });

  it("but not a token that the registry itself wants, which a mirror can't give", async () => {
    const registry = await registryWithImage();
    const mirror = await registryWithImage();
    await using tokens = await TokenServer.start({ users: { me: "right" } });
    registry.challenge = tokens.challenge();
    const credentials = hostCredentials({
      [registry.address]: { kind: "basic", username: "me", password: "wrong" },
    });
    const settings = mirrored(registry.address, [{ at: mirror.address }]);
    const report = await examined(`${registry.address}/app:1`, { credentials, settings });
    expect(step(report, "token").state).toBe("failed");
    expect(report.error?.code).toBe("unauthorized");
  });

  it("an artifact, which has no config and is pulled all the same", async () => {
    const registry = await registryWithImage();
    const { content } = registry;
    const config = content.add("application/vnd.cncf.helm.config.v1+json", Buffer.from("{}"));
    const mediaType = mediaTypes.ociManifest;
    const chart = { schemaVersion: 2, mediaType, config, layers: [config] };
    content.tag("chart:1", content.addManifest(mediaType, chart));
    const report = await pulledAndExamined(`${registry.address}/chart:1`);
    expect(step(report, "manifest").detail).toMatch(/^sha256:[0-9a-f]{64}, an artifact$/);
    expect(step(report, "ranges").state).toBe("skipped");
    expect(step(report, "rate limit").state).toBe("ok");
  });
});

describe("the doctor's connections", () => {
  it.each([
    ["169.254.169.254", async () => []],
    ["metadata.test", async () => [{ address: "169.254.169.254", family: 4 }]],
  ])("never go to %s, where a pull would not connect", async (host, lookup) => {
    const dialled: string[] = [];
    const transport: OpenOptions["transport"] = {
      lookup,
      connect: ({ address }) => {
        dialled.push(address);
        throw new Error("not to be reached");
      },
    };
    const report = await examined(`${host}/app:1`, { transport });
    expect(step(report, "name").state).toBe("failed");
    expect(step(report, "name").detail).toContain("169.254.169.254");
    expect(report.error?.code).toBe("refused");
    expect(step(report, "connection").state).toBe("not-reached");
    expect(dialled).toEqual([]);
  });
});

describe("the doctor's mirrors", () => {
  it("are passed over for a reason, and the one that answered is named", async () => {
    const registry = await registryWithImage();
    const good = await registryWithImage();
    const gone = await ScriptedRegistry.start();
    const at = gone.address;
    await gone[Symbol.asyncDispose]();
    const both = ["pull", "resolve"] as const;
    const settings = mirrored(registry.address, [
      { at, capabilities: both },
      { at: good.address, capabilities: both },
    ]);
    const report = await examined(`${registry.address}/app:1`, { settings });
    expect(step(report, "mirrors")).toMatchObject({
      state: "warning",
      detail: expect.stringMatching(
        new RegExp(`^${at} passed over: .*nothing listens there; ${good.address} answered$`),
      ),
    });
    expect(step(report, "manifest").detail).toMatch(
      new RegExp(`, 2 layers, from mirror ${good.address}$`),
    );
    const names = report.steps.map(({ name }) => name);
    expect(names.indexOf("mirrors")).toBe(names.indexOf("manifest") + 1);
    expect(report.ok).toBe(true);
  });

  it("may all be passed over, and the registry answers", async () => {
    const registry = await registryWithImage();
    const mirror = await registryWithImage();
    mirror.on(/./, status(503), 99);
    const settings = mirrored(registry.address, [
      { at: mirror.address, capabilities: ["pull", "resolve"] },
    ]);
    const report = await examined(`${registry.address}/app:1`, { settings });
    expect(step(report, "mirrors").detail).toBe(
      `${mirror.address} passed over: it answered 503; the registry itself answered`,
    );
    expect(step(report, "manifest").detail).not.toContain("mirror");
  });

  it("are no step where there are none", async () => {
    const registry = await registryWithImage();
    const report = await examined(`${registry.address}/app:1`);
    expect(report.steps.map(({ name }) => name)).not.toContain("mirrors");
  });
});

it("the doctor tells of each request that it makes", async () => {
  const registry = await registryWithImage();
  const events: LadingEvent[] = [];
  const onEvent = (event: LadingEvent): void => void events.push(event);
  await examined(`${registry.address}/app:1`, {}, { onEvent });
  const told = events.flatMap((event) =>
    event.type === "request" && event.status !== undefined
      ? [`${event.method} ${new URL(event.url).pathname}`]
      : [],
  );
  expect(told.sort()).toEqual([...registry.asked].sort());
  expect(told).toContain("GET /v2/");
  expect(told).toContain("HEAD /v2/app/manifests/1");
});
