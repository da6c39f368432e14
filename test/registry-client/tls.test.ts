import { createServer } from "node:https";
import { type AddressInfo, createServer as createSocket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { openGate } from "../../src/server/auth.ts";
import { answer } from "../../src/server/router.ts";
import { MadeContent, randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { selfSigned } from "../registry/self-signed.ts";
import { temporaryFolder } from "../temporary.ts";

const noRetry = { retries: 0, baseMs: 1, capMs: 1, random: () => 0 };

async function opened(options: OpenOptions = {}) {
  const lading = await open({ root: await temporaryFolder(), retry: noRetry, ...options });
  onTestFinished(() => lading.close());
  return lading;
}

/** A registry that speaks TLS with a certificate that nobody has signed. */
async function secureRegistry(): Promise<{ address: string; inTheOpen: string[] }> {
  const content = new MadeContent();
  content.tag("app:1", randomImage(content, { seed: 1 }).descriptor);
  const inTheOpen: string[] = [];
  const serving = { content, gate: openGate(), base: "https://registry.example" };
  const server = createServer(selfSigned, (request, response) => {
    void answer(serving, request, response);
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException) => {
    if (/http request/i.test(error.message)) inTheOpen.push(error.message);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, inTheOpen };
}

describe("a registry on this machine with a certificate that is not trusted", () => {
  it("is an error that says so, and is never spoken to in the open", async () => {
    const { address, inTheOpen } = await secureRegistry();
    const lading = await opened();
    await expect(lading.pull(`${address}/app:1`)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("certificate is not trusted"),
      hint: expect.stringContaining("SSL_CERT_FILE"),
      transient: false,
    });
    expect(inTheOpen).toEqual([]);
  });

  it("is pulled from once the certificate is trusted", async () => {
    const { address } = await secureRegistry();
    const lading = await opened({ transport: { ca: selfSigned.cert } });
    expect((await lading.pull(`${address}/app:1`)).images).toHaveLength(1);
  });

  it("is an error of its own when the certificate is for another host", async () => {
    const { address } = await secureRegistry();
    const [, port] = address.split(":");
    const lading = await opened({
      transport: {
        ca: selfSigned.cert,
        lookup: async () => [{ address: "127.0.0.1", family: 4 }],
      },
    });
    await expect(lading.pull(`registry.localhost:${port}/app:1`)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("another host"),
    });
  });
});

describe("a registry on this machine without TLS", () => {
  it("is spoken to in http", async () => {
    await using registry = await ScriptedRegistry.start();
    registry.content.tag("app:1", randomImage(registry.content, { seed: 2 }).descriptor);
    const lading = await opened();
    expect((await lading.pull(`${registry.address}/app:1`)).images).toHaveLength(1);
  });

  it("is found out too when it hangs up on a handshake, or resets it", async () => {
    for (const hangUp of ["end", "resetAndDestroy"] as const) {
      const heard: string[] = [];
      const server = createSocket((socket) => {
        socket.on("error", () => {});
        socket.once("data", (bytes) => {
          const handshake = bytes[0] === 0x16;
          heard.push(handshake ? "TLS" : "http");
          if (handshake) socket[hangUp]();
          else socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const lading = await opened();
      const pulled = lading.pull(`127.0.0.1:${port}/app:1`);
      await expect(pulled).rejects.toMatchObject({ code: "not-found" });
      expect(heard.slice(0, 2)).toEqual(["TLS", "http"]);
    }
  });
});

describe("a registry elsewhere without TLS", () => {
  it("is an error that says how to speak to it in the open", async () => {
    await using registry = await ScriptedRegistry.start();
    const { connect } = await import("node:net");
    const lading = await opened({
      transport: {
        lookup: async () => [{ address: "93.184.216.34", family: 4 }],
        connect: () => connect(registry.port, "127.0.0.1"),
      },
    });
    await expect(lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("does not speak TLS"),
      hint: expect.stringContaining("--plain-http"),
    });
    expect(registry.received).toEqual([]);
  });
});
