import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, it, onTestFinished } from "vitest";
import type { RequestStart, RequestTrace } from "../../src/content/request-trace.ts";
import { LadingError } from "../../src/errors.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import type { RegistryClient, RegistryClientOptions } from "../../src/registry/client.ts";
import { trace } from "../../src/registry/trace/trace.ts";
import { ManualClock } from "../manual-clock.ts";
import { blobIn, clientFor, readBlob } from "../registry/client-rig.ts";
import { mirrored } from "../registry/mirrored.ts";
import {
  redirectTo,
  reset,
  ScriptedRegistry,
  status,
  truncate,
} from "../registry/scripted-registry.ts";
import { TokenServer } from "../registry/token-server.ts";

interface Watched {
  readonly client: RegistryClient;
  readonly ended: RequestTrace[];
}

function watched(options: RegistryClientOptions = {}): Watched {
  const ended: RequestTrace[] = [];
  const client = clientFor({ ...options, observers: [() => (trace) => void ended.push(trace)] });
  onTestFinished(() => client[Symbol.asyncDispose]());
  return { client, ended };
}

describe("a trace", () => {
  it("tells of an exchange once its last byte came, and of the connection", async () => {
    await using registry = await ScriptedRegistry.start();
    const blob = blobIn(registry, "six by");
    const { client, ended } = watched();
    await readBlob(client, registry.address, blob);
    await readBlob(client, registry.address, blob);
    const url = `http://${registry.address}/v2/app/blobs/${blob.digest}`;
    const same = { method: "GET", url, role: "registry", attempt: 1, status: 200, bytes: 6 };
    const over = { remote: registry.address, queuedMs: expect.any(Number) };
    const answered = ended.filter(({ error }) => error === undefined);
    expect(answered).toEqual([
      expect.objectContaining({ ...same, ...over, reused: false }),
      expect.objectContaining({ ...same, ...over, reused: true }),
    ]);
    for (const { ms, headersMs = -1 } of answered) expect(ms).toBeGreaterThanOrEqual(headersMs);
    const ids = ended.map(({ id }) => id);
    expect([...ids].sort((a, b) => a - b)).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("is not told before the body ended, and says how much of it came and what broke it off", async () => {
    await using registry = await ScriptedRegistry.start();
    const blob = blobIn(registry, "x".repeat(1000));
    registry.on("GET /v2/app/blobs/", truncate(400));
    const { client, ended } = watched();
    const repository = await client.repository(parseReference(`${registry.address}/app`));
    const content = await repository.open(blob, { offset: 0 }, {});
    const before = ended.filter(({ status }) => status !== undefined).length;
    await expect(content.read(() => undefined)).rejects.toThrow();
    expect(before).toBe(0);
    expect(ended.at(-1)).toMatchObject({
      status: 200,
      bytes: 400,
      error: "network",
      message: expect.stringContaining(registry.address),
    });
  });

  it("has no status of what was not answered", async () => {
    await using registry = await ScriptedRegistry.start();
    const blob = blobIn(registry);
    registry.on("GET /v2/app/blobs/", reset, 9);
    const { client, ended } = watched();
    await expect(readBlob(client, registry.address, blob)).rejects.toThrow();
    expect(ended.at(-1)).toMatchObject({
      bytes: 0,
      error: "network",
      message: expect.stringMatching(/^127\.0\.0\.1:[0-9]+: ./),
    });
    expect(ended.at(-1)).not.toHaveProperty("status");
  });

  it("has no secret in the words of an error", async () => {
    const exchange = trace([() => (one) => void ended.push(one)], new ManualClock());
    const ended: RequestTrace[] = [];
    const words = "https://a/b?sig=5ecret said\nBearer 5ecret.token, password=5ecret";
    const failing = exchange(async () => {
      throw new LadingError("network", words);
    });
    const request = {
      method: "GET",
      url: new URL("https://a/b"),
      headers: {},
      scope: { registry: "a", repository: "b", action: "pull" },
      operation: {},
    } as const;
    await expect(failing(request)).rejects.toThrow(words);
    expect(ended[0]?.message).toBe("https://a/b?sig=… said Bearer …, password=…");
  });

  it("counts tries, and has what the host says of the next", async () => {
    await using registry = await ScriptedRegistry.start();
    const blob = blobIn(registry);
    registry.on("GET /v2/app/blobs/", status(429, { "retry-after": "0.001" }));
    const { client, ended } = watched({
      retry: { retries: 2, baseMs: 1, capMs: 1, random: () => 0 },
    });
    await readBlob(client, registry.address, blob);
    const answered = ended.filter(({ status }) => status !== undefined);
    expect(answered).toMatchObject([
      { attempt: 1, status: 429, retryAfter: "0.001" },
      { attempt: 2, status: 200 },
    ]);
    expect(answered[1]).not.toHaveProperty("retryAfter");
  });

  it("tells of the registry, the token server and the storage, whose credentials went there, and no secret", async () => {
    await using registry = await ScriptedRegistry.start();
    await using cdn = await ScriptedRegistry.start();
    await using tokens = await TokenServer.start({ users: { me: "pa55w0rd" } });
    registry.challenge = tokens.challenge("repository:app:pull");
    const blob = blobIn(registry);
    const signed = `http://${cdn.address}/blob?X-Amz-Signature=5ecret`;
    registry.on("GET /v2/app/blobs/", redirectTo(signed), 9);
    cdn.on("GET /blob", status(200, { "content-length": "6" }, "a blob"), 9);
    const credentials = hostCredentials({
      [registry.address]: { kind: "basic", username: "me", password: "pa55w0rd" },
    });
    const { client, ended } = watched({ credentials });
    await readBlob(client, registry.address, blob);
    const from = { kind: "option", name: "credentials", key: registry.address };
    // In the order of sending; they are told in that of ending.
    const answered = ended.filter(({ status }) => status !== undefined).sort((a, b) => a.id - b.id);
    expect(answered).toMatchObject([
      { role: "registry", status: 401 },
      { role: "token", status: 200, credentials: from },
      { role: "registry", status: 307, credentials: from },
      { role: "redirect", status: 200, url: `http://${cdn.address}/blob?X-Amz-Signature=…` },
    ]);
    expect(answered[0]).not.toHaveProperty("credentials");
    expect(answered[3]).not.toHaveProperty("credentials");
    const told = JSON.stringify(ended);
    for (const secret of ["pa55w0rd", "5ecret", "authorization", ...tokens.valid]) {
      expect(told).not.toContain(secret);
    }
  });

  it("tells of a challenge before what it leads to, and not of the time that that takes", async () => {
    await using registry = await ScriptedRegistry.start();
    await using tokens = await TokenServer.start();
    const blob = blobIn(registry);
    const clock = new ManualClock();
    const challenge = tokens.challenge("repository:app:pull");
    registry.on("GET /v2/app/blobs/", status(401, { "www-authenticate": challenge }, "{}"));
    tokens.instead = () => {
      clock.advance(5_000);
      return false;
    };
    const { client, ended } = watched({ clock });
    await readBlob(client, registry.address, blob);
    const answered = ended.filter(({ status }) => status !== undefined);
    expect(answered).toMatchObject([
      { role: "registry", status: 401, bytes: 2, ms: 0 },
      { role: "token", status: 200, ms: 5_000 },
      { role: "registry", status: 200 },
    ]);
  });

  it("names the mirror that was asked", async () => {
    await using registry = await ScriptedRegistry.start();
    await using mirror = await ScriptedRegistry.start();
    const blob = blobIn(mirror);
    const settings = mirrored(registry.address, [{ at: mirror.address }]);
    const { client, ended } = watched({ settings });
    await readBlob(client, registry.address, blob);
    const origin = `http://${mirror.address}`;
    const url = `${origin}/v2/app/blobs/${blob.digest}?ns=…`;
    expect(ended.at(-1)).toMatchObject({ role: "mirror", mirror: origin, url, status: 200 });
  });

  it("says how long a request waited for its turn", async () => {
    await using registry = await ScriptedRegistry.start();
    const blob = blobIn(registry);
    const clock = new ManualClock();
    registry.on("GET /v2/app/blobs/", ({ response, reply }) => {
      clock.advance(40);
      const { status, headers, body } = reply();
      response.writeHead(status, headers).end(body);
    });
    const { client, ended } = watched({ perHost: 1, clock });
    await Promise.all([
      readBlob(client, registry.address, blob),
      readBlob(client, registry.address, blob),
    ]);
    const answered = ended.filter(({ status }) => status !== undefined);
    expect(answered.map(({ queuedMs }) => queuedMs)).toEqual([0, 40]);
  });
});

describe("Node's channels", () => {
  it("hear of the beginning and the end of each exchange", async () => {
    await using registry = await ScriptedRegistry.start();
    const blob = blobIn(registry);
    const heard: [string | symbol, RequestStart][] = [];
    const hear = (message: unknown, name: string | symbol): void => {
      heard.push([name, message as RequestStart]);
    };
    for (const name of ["lading:request:start", "lading:request"]) {
      subscribe(name, hear);
      onTestFinished(() => void unsubscribe(name, hear));
    }
    const { client } = watched();
    await readBlob(client, registry.address, blob);
    const last = heard.slice(-2);
    expect(last.map(([name]) => name)).toEqual(["lading:request:start", "lading:request"]);
    expect(last[0]?.[1].id).toBe(last[1]?.[1].id);
    expect(last[0]?.[1]).not.toHaveProperty("status");
    expect(last[1]?.[1]).toMatchObject({ method: "GET", status: 200, bytes: 6 });
  });
});
