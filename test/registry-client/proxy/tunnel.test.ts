import { EventEmitter, once } from "node:events";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../../src/content/events.ts";
import { LadingError } from "../../../src/errors.ts";
import type { RegistryClientOptions } from "../../../src/registry/client.ts";
import { parseProxyUrl } from "../../../src/registry/settings/proxy-url.ts";
import { ManualClock } from "../../manual-clock.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { blobIn, clientFor, describeText, pemFiles, readBlob } from "../../registry/client-rig.ts";
import { TestProxy } from "../../registry/proxy.ts";
import { refusedSocket } from "../../registry/refused-socket.ts";
import { redirectTo, ScriptedRegistry, status } from "../../registry/scripted-registry.ts";
import { settingsFor } from "../../registry/settings.ts";

const SECRET = "p@ss:word/hunter2";
const account = { username: "proxy user", password: SECRET };
const authority = createAuthority();
const names = ["registry.example", "cdn.example", "auth.example", "127.0.0.1"];

const anyBlob = describeText("a blob");

/** A registry over TLS that only the proxy can find, under the name registry.example. */
async function behind(options: { account?: typeof account; tls?: boolean } = {}) {
  const registry = await ScriptedRegistry.start({ tls: authority.issue({ names }) });
  const proxy = await TestProxy.start({
    resolve: () => ({ host: "127.0.0.1", port: registry.port }),
    ...(options.account && { account: options.account }),
    ...(options.tls && { tls: authority.issue({ names: ["127.0.0.1", "proxy.example"] }) }),
  });
  const { ca } = await pemFiles({ ca: authority.cert });
  return {
    registry,
    proxy,
    client: (environment: NodeJS.ProcessEnv, more: RegistryClientOptions = {}) =>
      clientFor({ environment: { SSL_CERT_FILE: ca, ...environment }, ...more }),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

describe("a registry in https behind a proxy", () => {
  it("is reached through CONNECT, its certificate is its own, and one tunnel serves again", async () => {
    await using rig = await behind();
    await using client = rig.client({ HTTPS_PROXY: rig.proxy.url });
    const blob = blobIn(rig.registry);
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await readBlob(client, "registry.example", blob)).toBe("a blob");
    }
    expect(rig.proxy.asked).toEqual(["CONNECT registry.example:443"]);
  });

  it("is verified: the proxy can't answer in its place", async () => {
    await using rig = await behind();
    await using client = clientFor({ environment: { HTTPS_PROXY: rig.proxy.url } });
    await expect(readBlob(client, "registry.example", blobIn(rig.registry))).rejects.toMatchObject({
      message: expect.stringContaining("not trusted"),
    });
    expect(rig.registry.received).toEqual([]);
  });

  it("is reached through a proxy that speaks TLS itself", async () => {
    await using rig = await behind({ tls: true, account });
    await using client = rig.client({ HTTPS_PROXY: rig.proxy.url });
    expect(await readBlob(client, "registry.example", blobIn(rig.registry))).toBe("a blob");
    expect(rig.proxy.asked).toEqual(["CONNECT registry.example:443"]);
  });

  it("is not reached through a proxy over TLS whose certificate nobody trusts", async () => {
    await using rig = await behind({ tls: true });
    await using client = clientFor({ environment: { HTTPS_PROXY: rig.proxy.url } });
    await expect(readBlob(client, "registry.example", blobIn(rig.registry))).rejects.toMatchObject({
      code: "network",
      message: expect.stringMatching(/^the proxy .*not trusted/),
    });
    expect(rig.proxy.asked).toEqual([]);
  });

  it("is reached through such a proxy that has settings of its own, not verified if they say so", async () => {
    await using rig = await behind({ tls: true });
    const environment = { HTTPS_PROXY: rig.proxy.url };
    const host = `127.0.0.1:${rig.proxy.port}`;
    const { ca } = await pemFiles({ ca: authority.cert });
    const blob = blobIn(rig.registry);
    const trusted = { [host]: { tls: { ca: [ca] } }, "registry.example": { tls: { ca: [ca] } } };
    await using one = clientFor({ environment, settings: settingsFor(trusted) });
    expect(await readBlob(one, "registry.example", blob)).toBe("a blob");

    const warnings: LadingEvent[] = [];
    const unverified = { ...trusted, [host]: { tls: { skipVerify: true } } };
    await using two = clientFor({ environment, settings: settingsFor(unverified) });
    await readBlob(two, "registry.example", blob, (event) => {
      if (event.type === "warning") warnings.push(event);
    });
    expect(warnings).toMatchObject([{ code: "insecure", message: expect.stringContaining(host) }]);
  });

  it("is reached as its own settings say, whatever the environment does", async () => {
    await using rig = await behind();
    const settings = settingsFor({ "registry.example": { proxy: parseProxyUrl(rig.proxy.url) } });
    await using client = rig.client(
      { HTTPS_PROXY: "http://127.0.0.1:1", NO_PROXY: "*" },
      { settings },
    );
    expect(await readBlob(client, "registry.example", blobIn(rig.registry))).toBe("a blob");
  });
});

describe("a registry in http behind a proxy", () => {
  it("is asked for in absolute form", async () => {
    await using registry = await ScriptedRegistry.start();
    await using proxy = await TestProxy.start({
      account,
      resolve: () => ({ host: "127.0.0.1", port: registry.port }),
    });
    await using client = clientFor({
      environment: { HTTP_PROXY: proxy.url },
      plainHttp: ["registry.example"],
    });
    const blob = blobIn(registry);
    expect(await readBlob(client, "registry.example", blob)).toBe("a blob");
    expect(proxy.asked).toEqual([`GET http://registry.example/v2/app/blobs/${blob.digest}`]);
    expect(registry.received[0]?.headers).toMatchObject({ host: "registry.example" });
    expect(registry.received[0]?.headers["proxy-authorization"]).toBeUndefined();
  });
});

describe("the proxy's own user and password", () => {
  it("go to the proxy and to nobody else: registry, token server, CDN", async () => {
    await using rig = await behind({ account });
    const blob = blobIn(rig.registry);
    rig.registry.challenge = 'Bearer realm="https://auth.example/token",service="s"';
    rig.registry.on("GET /token", status(200, {}, JSON.stringify({ token: "t" })));
    rig.registry.on("GET /v2/app/blobs/", redirectTo("https://cdn.example/blob"));
    rig.registry.on("GET /blob", ({ response }) => void response.end("a blob"));
    await using client = rig.client({ HTTPS_PROXY: rig.proxy.url });
    expect(await readBlob(client, "registry.example", blob)).toBe("a blob");
    expect(rig.proxy.asked).toEqual([
      "CONNECT registry.example:443",
      "CONNECT auth.example:443",
      "CONNECT cdn.example:443",
    ]);
    expect(rig.proxy.accounts).toEqual(Array(3).fill(`${account.username}:${SECRET}`));
    const seen = JSON.stringify(rig.registry.received);
    expect(rig.registry.received.length).toBeGreaterThan(3);
    expect(seen).not.toMatch(/proxy-authorization/i);
    expect(seen).not.toContain(Buffer.from(`${account.username}:${SECRET}`).toString("base64"));
  });

  it.each(["wrong", undefined])(
    "that are %s give an error that says where to put them",
    async (password) => {
      await using rig = await behind({ account });
      const url = new URL(rig.proxy.url);
      url.password = password ?? "";
      if (password === undefined) url.username = "";
      await using client = rig.client({ https_proxy: url.href });
      const error = await readBlob(client, "registry.example", blobIn(rig.registry)).catch(
        (error: unknown) => error,
      );
      expect(error).toMatchObject({
        code: "unauthorized",
        message: expect.stringMatching(/^the proxy 127\.0\.0\.1:[0-9]+ /),
        hint: expect.stringContaining("https_proxy"),
      });
      expect(rig.registry.connections).toBe(0);
    },
  );

  it("are asked for with 407 for a request in absolute form too", async () => {
    await using proxy = await TestProxy.start({ account });
    await using client = clientFor({
      environment: { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` },
      plainHttp: ["registry.example"],
    });
    await expect(readBlob(client, "registry.example", anyBlob)).rejects.toMatchObject({
      code: "unauthorized",
      hint: expect.stringContaining("HTTP_PROXY"),
    });
  });

  it("show in no error and no event, whatever goes wrong", async () => {
    const shown: unknown[] = [];
    const secretUrl = (port: number): string => `http://me:hunter2@127.0.0.1:${port}`;
    const onEvent = (event: LadingEvent): void => void shown.push(event);
    for (const onConnect of [
      (socket: Socket) => void socket.end("HTTP/1.1 407 No\r\n\r\n"),
      (socket: Socket) => void socket.end("HTTP/1.1 503 No\r\n\r\n"),
      (socket: Socket) => void socket.end("not http\r\n\r\n"),
      (socket: Socket) => void socket.destroy(),
    ]) {
      await using proxy = await TestProxy.start({ onConnect });
      await using client = clientFor({ environment: { HTTPS_PROXY: secretUrl(proxy.port) } });
      const error = await readBlob(client, "registry.example", anyBlob, onEvent).catch(
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(LadingError);
      shown.push(error, (error as Error).stack, String((error as Error).cause));
    }
    await using down = clientFor({ environment: { HTTPS_PROXY: secretUrl(1) } });
    shown.push(await readBlob(down, "registry.example", anyBlob, onEvent).catch(String));
    expect(shown.length).toBeGreaterThan(10);
    expect(JSON.stringify(shown)).not.toContain("hunter2");
    expect(JSON.stringify(shown)).not.toContain(Buffer.from("me:hunter2").toString("base64"));
  });
});

describe("a proxy", () => {
  it.each([
    [403, "network", false],
    [502, "network", true],
    [503, "network", true],
  ])("that answers CONNECT with %i gives %s, passing: %j", async (code, expected, transient) => {
    await using proxy = await TestProxy.start({
      onConnect: (socket) => void socket.end(`HTTP/1.1 ${code} No\r\nContent-Length: 0\r\n\r\n`),
    });
    await using client = clientFor({ environment: { HTTPS_PROXY: proxy.url } });
    await expect(readBlob(client, "registry.example", anyBlob)).rejects.toMatchObject({
      code: expected,
      transient,
      message: expect.stringContaining(String(code)),
    });
  });

  it("that is down is named, and the registry is not asked without it", async () => {
    await using registry = await ScriptedRegistry.start({ tls: authority.issue({ names }) });
    const asked: string[] = [];
    await using client = clientFor({
      environment: { HTTPS_PROXY: "http://127.0.0.1:1" },
      transport: {
        lookup: async (name) => {
          asked.push(name);
          return [{ address: "127.0.0.1", family: 4 }];
        },
      },
    });
    await expect(readBlob(client, "registry.example", anyBlob)).rejects.toMatchObject({
      code: "network",
      message: "the proxy 127.0.0.1:1: nothing listens there",
      transient: true,
      hint: expect.stringContaining("HTTPS_PROXY"),
    });
    expect(asked).toEqual([]);
    expect(registry.connections).toBe(0);
  });

  it("that answers CONNECT with headers without end is bounded", async () => {
    let sent = 0;
    await using proxy = await TestProxy.start({
      onConnect(socket) {
        socket.write("HTTP/1.1 200 OK\r\n");
        const line = `X: ${"x".repeat(1000)}\r\n`;
        const more = (): void => {
          while (!socket.destroyed && socket.write(line)) sent += line.length;
          if (!socket.destroyed) socket.once("drain", more);
        };
        more();
      },
    });
    await using client = clientFor({ environment: { HTTPS_PROXY: proxy.url } });
    await expect(readBlob(client, "registry.example", anyBlob)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("headers"),
    });
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  it("that speaks before it is spoken to inside the tunnel is not trusted with it", async () => {
    await using proxy = await TestProxy.start({
      onConnect: (socket) => void socket.write("HTTP/1.1 200 OK\r\n\r\nhello"),
    });
    await using client = clientFor({ environment: { HTTPS_PROXY: proxy.url } });
    await expect(readBlob(client, "registry.example", anyBlob)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("not asked for"),
    });
  });

  it("that never answers CONNECT is given up after the time for connecting", async () => {
    let waiting: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    await using proxy = await TestProxy.start({ onConnect: () => waiting?.() });
    const clock = new ManualClock();
    await using client = clientFor({
      environment: { HTTPS_PROXY: proxy.url },
      clock,
      timeouts: { connectMs: 1000 },
    });
    const pulled = readBlob(client, "registry.example", anyBlob).catch((error: unknown) => error);
    await asked;
    clock.advance(1000);
    expect(await pulled).toMatchObject({
      code: "network",
      message: expect.stringContaining("in time"),
      transient: true,
    });
    expect(clock.timers).toBe(0);
  });

  it("over TLS is reached at the next of its addresses when nothing listens at the first", async () => {
    await using rig = await behind({ tls: true });
    await using client = rig.client(
      { HTTPS_PROXY: `https://proxy.example:${rig.proxy.port}` },
      {
        transport: {
          lookup: async () =>
            ["127.0.0.9", "127.0.0.1"].map((address) => ({ address, family: 4 as const })),
        },
      },
    );
    expect(await readBlob(client, "registry.example", blobIn(rig.registry))).toBe("a blob");
    expect(rig.proxy.asked).toEqual(["CONNECT registry.example:443"]);
  });

  it("over TLS that is down is named", async () => {
    await using client = clientFor({ environment: { HTTPS_PROXY: "https://127.0.0.1:1" } });
    await expect(readBlob(client, "registry.example", anyBlob)).rejects.toMatchObject({
      code: "network",
      message: "the proxy 127.0.0.1:1: nothing listens there",
      transient: true,
    });
  });

  it.each(["is closed", "has waited long enough"])(
    "over TLS that is never connected to is let go of when lading %s",
    async (what) => {
      const socket = new Socket();
      const clock = new ManualClock();
      const dialling = new EventEmitter();
      const dialled = once(dialling, "dialled");
      const client = clientFor({
        environment: { HTTPS_PROXY: "https://127.0.0.1:1" },
        clock,
        timeouts: { connectMs: 1000 },
        transport: {
          connect() {
            setImmediate(() => dialling.emit("dialled"));
            return socket;
          },
        },
      });
      const pulled = readBlob(client, "registry.example", anyBlob).catch((error: unknown) => error);
      await dialled;
      if (what === "is closed") await client[Symbol.asyncDispose]();
      else clock.advance(1000);
      expect(await pulled).toMatchObject({ code: "network" });
      expect([socket.destroyed, clock.timers]).toEqual([true, 0]);
      await client[Symbol.asyncDispose]();
    },
  );

  it.each([
    ["https", "HTTPS_PROXY", "http://169.254.169.254:3128"],
    ["https", "HTTPS_PROXY", "https://[::ffff:169.254.169.254]"],
    ["http", "HTTP_PROXY", "http://100.100.100.200"],
    ["http", "HTTP_PROXY", "http://[fe80::1]:8080"],
  ])("for %s at a refused address is not connected to: %s=%s", async (scheme, name, url) => {
    const dialled: unknown[] = [];
    await using client = clientFor({
      environment: { [name]: url },
      plainHttp: scheme === "http" ? ["registry.example"] : [],
      transport: {
        connect(target) {
          dialled.push(target);
          return refusedSocket();
        },
      },
    });
    await expect(readBlob(client, "registry.example", anyBlob)).rejects.toMatchObject({
      code: "refused",
      message: `a connection to the proxy ${new URL(url).host} is refused`,
      hint: expect.stringContaining(name),
    });
    expect(dialled).toEqual([]);
  });

  it.each([true, false])("is let go of when lading is closed meanwhile (TLS: %j)", async (tls) => {
    let closed: Promise<unknown> | undefined;
    let waiting: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    await using proxy = await TestProxy.start({
      ...(tls && { tls: authority.issue() }),
      onConnect(socket) {
        closed = once(socket.resume(), tls ? "close" : "end");
        waiting?.();
      },
    });
    const { ca } = await pemFiles({ ca: authority.cert });
    const client = clientFor({ environment: { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: ca } });
    const pulled = readBlob(client, "registry.example", anyBlob).catch((error: unknown) => error);
    await asked;
    await client[Symbol.asyncDispose]();
    expect(await pulled).toBeInstanceOf(LadingError);
    await closed;
  });
});
