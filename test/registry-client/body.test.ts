import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Connections } from "../../src/registry/connections/connections.ts";
import type { BodyEnd, HttpResponse } from "../../src/registry/http/message.ts";
import { send } from "../../src/registry/http/send.ts";
import { defaultTimeouts } from "../../src/registry/http/timeouts.ts";
import { type Answer, ScriptedRegistry } from "../registry/scripted-registry.ts";

describe("the end of a body is told once,", () => {
  const five: Answer = ({ response }) => void response.end("12345");
  const cut: Answer = ({ response }) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("12345", () => response.destroy());
  };

  it("when it was read", async () => {
    const ends = await told(five, (body) => body.bytes(5));
    expect(ends).toEqual([{ bytes: 5, cancelled: false }]);
  });

  it("when it broke", async () => {
    const ends = await told(cut, (body) => body.bytes(10));
    expect(ends).toMatchObject([{ bytes: 5, cancelled: false, error: { code: "network" } }]);
  });

  it("when it was given up, by the reader or for what the reader threw", async () => {
    const thrown = async (body: HttpResponse["body"]): Promise<void> =>
      body.read(() => {
        throw new Error("full");
      });
    expect(await told(five, async (body) => body.cancel())).toEqual([
      { bytes: 0, cancelled: true },
    ]);
    expect(await told(five, thrown)).toEqual([{ bytes: 5, cancelled: true }]);
  });

  it("to who asks later too", async () => {
    const ends: BodyEnd[] = [];
    await told(five, async (body) => {
      await body.bytes(5);
      body.onEnd((end) => ends.push(end));
    });
    expect(ends).toEqual([{ bytes: 5, cancelled: false }]);
  });

  async function told(
    answer: Answer,
    use: (body: HttpResponse["body"]) => Promise<unknown>,
  ): Promise<BodyEnd[]> {
    await using registry = await ScriptedRegistry.start();
    registry.on("GET /", answer);
    const connections = new Connections();
    const ends: BodyEnd[] = [];
    try {
      const { body } = await send(
        connections,
        defaultTimeouts,
        systemClock,
      )({
        method: "GET",
        url: new URL(`http://${registry.address}/`),
        headers: {},
        scope: { registry: registry.address, repository: "app", action: "pull" },
        operation: {},
      });
      body.onEnd((end) => ends.push(end));
      await use(body).catch(() => {});
      await new Promise(setImmediate);
      return ends;
    } finally {
      await connections.close();
    }
  }
});
