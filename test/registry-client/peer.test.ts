import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Connections } from "../../src/registry/connections/connections.ts";
import { send } from "../../src/registry/http/send.ts";
import { defaultTimeouts } from "../../src/registry/http/timeouts.ts";
import { selfSigned } from "../registry/self-signed.ts";

/**
 * Answers each request with a challenge and a reset, while the other thread stands still until both
 * have arrived: then the kernel no longer knows who the peer was.
 */
const SERVER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { createServer } = require("node:net");
  const turns = new Int32Array(workerData);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      parentPort.postMessage("asked");
      parentPort.once("message", () => {
        socket.write("HTTP/1.1 401 Unauthorized\\r\\nContent-Length: 0\\r\\n\\r\\n", () => {
          socket.resetAndDestroy();
        });
        socket.on("close", () => {
          Atomics.add(turns, 0, 1);
          Atomics.notify(turns, 0);
        });
      });
    });
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

it("a peer that resets the connection after its answer is still known for what it is", async () => {
  const turns = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(SERVER, { eval: true, workerData: turns.buffer });
  const connections = new Connections();
  try {
    const [port] = await once(worker, "message");
    const ask = send(connections, defaultTimeouts, systemClock);
    const peers: string[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      const asked = once(worker, "message");
      const answer = ask({
        method: "GET",
        url: new URL(`http://127.0.0.1:${port}/v2/`),
        headers: {},
        scope: { registry: "registry.example", repository: "app", action: "pull" },
        operation: {},
      });
      await asked;
      worker.postMessage("answer");
      Atomics.wait(turns, 0, turn, 10_000);
      const { status, peer } = await answer;
      peers.push(`${status} ${peer}`);
    }
    expect(peers).toEqual(Array(5).fill("401 loopback"));
  } finally {
    await connections.close();
    await worker.terminate();
  }
});

it("a peer is known over TLS too, on a connection that is used again as on a new one", async () => {
  const server = createServer(selfSigned, (_, response) => void response.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connections = new Connections({ transport: { ca: selfSigned.cert } });
  try {
    const ask = send(connections, defaultTimeouts, systemClock);
    const { port } = server.address() as AddressInfo;
    for (let turn = 0; turn < 2; turn += 1) {
      const { peer, body } = await ask({
        method: "GET",
        url: new URL(`https://localhost:${port}/v2/`),
        headers: {},
        scope: { registry: "registry.example", repository: "app", action: "pull" },
        operation: {},
      });
      await body.bytes(0);
      expect(peer).toBe("loopback");
    }
  } finally {
    await connections.close();
    server.close();
  }
});
