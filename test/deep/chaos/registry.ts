import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../../src/clock.ts";
import { bearerGate, openGate } from "../../../src/server/auth.ts";
import { answer, type Serving } from "../../../src/server/router.ts";
import { MadeContent } from "../../../src/testkit/index.ts";
import { Random } from "../../../src/testkit/random.ts";
import type { Issued } from "../../registry/certificates.ts";
import { ChaosProxy } from "../../registry/chaos-proxy.ts";

export interface ChaosRegistryOptions {
  readonly seed: number;
  readonly rate: number;
  readonly users: Readonly<Record<string, string>>;
  readonly tls?: Issued | undefined;
}

/**
 * A registry that wants a token for everything and sends every third blob's reader to a storage of
 * another origin; both stand behind proxies that do to requests what networks do.
 */
export class ChaosRegistry implements AsyncDisposable {
  readonly content: MadeContent = new MadeContent();
  readonly front: ChaosProxy;
  readonly storage: ChaosProxy;
  readonly #servers: readonly Server[];

  private constructor(front: ChaosProxy, storage: ChaosProxy, servers: readonly Server[]) {
    this.front = front;
    this.storage = storage;
    this.#servers = servers;
  }

  static async start({ seed, rate, users, tls }: ChaosRegistryOptions): Promise<ChaosRegistry> {
    const random = new Random(seed);
    const [guarded, open] = [await listening(), await listening()];
    const storage = await ChaosProxy.start({ target: portOf(open), random, rate, tls });
    const scheme = tls === undefined ? "http" : "https";
    const front = await ChaosProxy.start({
      target: portOf(guarded),
      random,
      rate,
      tls,
      redirect: (path) => (isMoved(path) ? `${scheme}://${storage.address}${path}` : undefined),
    });
    const registry = new ChaosRegistry(front, storage, [guarded, open]);
    const { content } = registry;
    const base = `${scheme}://${front.address}`;
    const gate = bearerGate({ kind: "bearer", users }, systemClock);
    answering(guarded, { content, gate, base });
    answering(open, { content, gate: openGate(), base });
    return registry;
  }

  get faults(): number {
    return this.front.faults + this.storage.faults;
  }

  get requests(): number {
    return this.front.received.length + this.storage.received.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.front[Symbol.asyncDispose](), this.storage[Symbol.asyncDispose]()]);
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

/** One blob in three, by its digest, so that it is the same each time. */
function isMoved(path: string): boolean {
  const [, digit = "0"] = /\/blobs\/sha256:([0-9a-f])/.exec(path) ?? [];
  return path.includes("/blobs/") && Number.parseInt(digit, 16) % 3 === 0;
}

async function listening(): Promise<Server> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function answering(server: Server, serving: Serving): void {
  server.on("request", (request, response) => void answer(serving, request, response));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
