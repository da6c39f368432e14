import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { Connections } from "../../src/registry/connections/connections.ts";
import { send } from "../../src/registry/http/send.ts";
import { ManualClock } from "../manual-clock.ts";

const timeouts = { connectMs: 1000, headersMs: 5000, idleMs: 60_000 };
const scope = { registry: "registry.example", repository: "app", action: "pull" } as const;

describe("a server that takes the connection", () => {
  it("and never speaks TLS is given up after the time for connecting", async () => {
    const { server, port } = await silent();
    const clock = new ManualClock();
    const connected = once(server, "connection");
    const asked = ask(clock, `https://127.0.0.1:${port}/`);
    await connected;
    clock.advance(timeouts.connectMs - 1);
    expect(await settled(asked)).toBe(false);
    clock.advance(1);
    await expect(asked).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("no connection in time"),
      transient: true,
    });
    expect(clock.timers).toBe(0);
  });

  it("and never answers is given up after the time for headers", async () => {
    const { server, port } = await silent();
    const clock = new ManualClock();
    const requested = once(server, "connection").then(([socket]) => once(socket, "data"));
    const asked = ask(clock, `http://127.0.0.1:${port}/`);
    await requested;
    clock.advance(timeouts.headersMs - 1);
    expect(await settled(asked)).toBe(false);
    clock.advance(1);
    await expect(asked).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("no answer in time"),
      transient: true,
    });
    expect(clock.timers).toBe(0);
  });
});

describe("a connection", () => {
  it.each(["http", "https"])(
    "of %s gives each address of a name longer than Node's 250 ms",
    async (scheme) => {
      const connections = new Connections();
      onTestFinished(() => connections.close());
      const prepared = await connections.prepare(new URL(`${scheme}://127.0.0.1:1/`), scope);
      const outgoing = prepared.request({ method: "GET" }).on("error", () => {});
      outgoing.destroy();
      expect(outgoing).toMatchObject({
        agent: { options: { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 2500 } },
      });
    },
  );
});

function ask(clock: ManualClock, url: string) {
  const connections = new Connections();
  onTestFinished(() => connections.close());
  const operation = {};
  const headers = {};
  const asked = send(
    connections,
    timeouts,
    clock,
  )({
    method: "GET",
    url: new URL(url),
    headers,
    scope,
    operation,
  });
  asked.catch(() => {});
  return asked;
}

async function settled(work: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const turn = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([work.catch(() => {}), turn])) !== pending;
}

async function silent(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port };
}
