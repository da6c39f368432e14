import type { Socket } from "node:net";
import type { Clock } from "../../clock.ts";
import type { NamedProxy } from "./environment.ts";
import { proxyDown, proxyTimedOut } from "./errors.ts";

export interface ConnectedOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Until a socket leads to its proxy. TLS over one that still tries addresses ends the process: with each
 * address Node puts another handle below it.
 */
export function connected(
  named: NamedProxy,
  socket: Socket,
  { timeoutMs, clock }: ConnectedOptions,
): Promise<void> {
  if (!socket.pending) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      cancelTimer();
      reject(proxyDown(named, error));
      socket.destroy();
    };
    const close = (): void => fail(new Error("closed"));
    const cancelTimer = clock.after(timeoutMs, () => fail(proxyTimedOut(named)));
    // It stays: what fails before TLS is there to hear of it has nobody else to tell.
    socket.on("error", fail);
    socket.once("close", close);
    socket.once("connect", () => {
      cancelTimer();
      socket.off("close", close);
      resolve();
    });
  });
}
