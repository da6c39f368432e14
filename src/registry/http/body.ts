import type { IncomingMessage } from "node:http";
import { type Clock, systemClock } from "../../clock.ts";
import type { Sink } from "../../content/port.ts";
import { abortedError, LadingError } from "../../errors.ts";
import type { BodyEnd, HttpBody, HttpResponse } from "./message.ts";
import { redactUrl } from "./redact.ts";

export interface BodyOptions {
  readonly url: URL;
  readonly idleMs: number;
  /** For all of a document: a byte now and then is no end. */
  readonly documentMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** The body of a response: nothing is read before it is asked for, nothing is left open after. */
export function responseBody(incoming: IncomingMessage, options: BodyOptions): HttpBody {
  let failure: unknown;
  incoming.on("error", (error) => {
    failure ??= error;
  });
  const encoding = incoming.headers["content-encoding"] ?? "identity";
  const listeners: ((end: BodyEnd) => void)[] = [];
  let bytes = 0;
  let ended: BodyEnd | undefined;
  const end = (how: Omit<BodyEnd, "bytes">): void => {
    if (ended !== undefined) return;
    ended = { ...how, bytes };
    for (const listener of listeners.splice(0)) listener(ended);
  };
  let reading = false;
  incoming.once("close", () => {
    // Who reads it says how it ended.
    if (reading) return;
    const whole = incoming.readableEnded && incoming.complete;
    end({ cancelled: false, ...(whole ? {} : { error: broken(options.url, failure) }) });
  });
  return {
    async read(sink) {
      reading = true;
      try {
        if (encoding.trim().toLowerCase() !== "identity") throw encoded(options.url, encoding);
        if (failure !== undefined) throw broken(options.url, failure);
        const counted: Sink = (chunk) => {
          bytes += chunk.length;
          return sink(chunk);
        };
        await pump(incoming, counted, options);
        end({ cancelled: false });
      } catch (error) {
        // What the reader threw is no fault of the body.
        const why = error instanceof LadingError ? { error } : {};
        end({ ...why, cancelled: !(error instanceof LadingError) });
        throw error;
      }
    },
    async bytes(maxBytes) {
      const chunks: Uint8Array[] = [];
      let size = 0;
      const deadline = options.clock.now() + options.documentMs;
      await this.read((chunk) => {
        size += chunk.length;
        if (options.clock.now() > deadline) throw tooSlow(options.url, options.documentMs);
        if (size > maxBytes) throw tooLong(options.url, maxBytes);
        chunks.push(chunk);
      });
      return Buffer.concat(chunks);
    },
    cancel() {
      end({ cancelled: true });
      if (!incoming.readableEnded) incoming.destroy();
    },
    onEnd(listener) {
      if (ended !== undefined) listener(ended);
      else listeners.push(listener);
    },
  };
}

/** What a redirect or a challenge says beside its headers; hardly anybody reads it. */
const SMALL_BODY = 64 * 1024;
const SMALL_BODY_MS = 1000;

/**
 * Lets go of an answer that nobody reads. A small body is read to its end, so that the connection serves
 * again: hanging up would cost a new one, with TLS and perhaps a tunnel. One that is long, or slow, is
 * not worth it.
 */
export async function letGo(response: HttpResponse): Promise<void> {
  await setAside(response);
}

/**
 * As `letGo`, for an answer that may be wanted yet: what was read of it can be read again. Of a body that
 * is not worth its connection nothing is left.
 */
export async function setAside(response: HttpResponse): Promise<HttpResponse> {
  return { ...response, body: bodyOf(await smallBody(response), response) };
}

async function smallBody({ headers, body }: HttpResponse): Promise<Uint8Array> {
  if (Number(headers["content-length"] ?? 0) > SMALL_BODY) {
    body.cancel();
    return new Uint8Array();
  }
  const cancelTimer = systemClock.after(SMALL_BODY_MS, () => body.cancel());
  try {
    return await body.bytes(SMALL_BODY);
  } catch {
    body.cancel();
    return new Uint8Array();
  } finally {
    cancelTimer();
  }
}

/** Bytes that are there, as the body that they came in, which is over. */
function bodyOf(held: Uint8Array, { url, body }: HttpResponse): HttpBody {
  return {
    async read(sink) {
      await sink(held);
    },
    async bytes(maxBytes) {
      if (held.length > maxBytes) throw tooLong(url, maxBytes);
      return held;
    },
    cancel() {},
    onEnd: (listener) => body.onEnd(listener),
  };
}

/**
 * After so many bytes in a row others get their turn: libuv would go on with a fast socket for 2 MiB,
 * and the host's own timers and requests would wait for all sockets' 2 MiB.
 */
const FAIR_SHARE = 512 * 1024;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pump(incoming: IncomingMessage, sink: Sink, options: BodyOptions): Promise<void> {
  const { url, idleMs, clock, signal } = options;
  return new Promise((resolve, reject) => {
    let last = clock.now();
    let waiting = false;
    let taken = 0;
    let cancelTimer = clock.after(idleMs, watch);

    function watch(): void {
      const idle = waiting ? 0 : clock.now() - last;
      if (idle >= idleMs) fail(stalled(url, idleMs));
      else cancelTimer = clock.after(idleMs - idle, watch);
    }
    function settle(): void {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
    }
    function fail(error: unknown): void {
      settle();
      reject(error);
      incoming.destroy();
    }
    function abort(): void {
      if (signal !== undefined) fail(abortedError(signal));
    }
    function take(chunk: Uint8Array): void {
      last = clock.now();
      try {
        const full = sink(chunk);
        if (full !== undefined) {
          hold(full);
          return;
        }
      } catch (error) {
        fail(error);
        return;
      }
      taken += chunk.length;
      if (taken < FAIR_SHARE) return;
      taken = 0;
      hold(nextTurn());
    }
    function hold(until: Promise<void>): void {
      waiting = true;
      incoming.pause();
      until.then(() => {
        waiting = false;
        last = clock.now();
        incoming.resume();
      }, fail);
    }

    if (signal?.aborted) {
      abort();
      return;
    }
    if (incoming.readableEnded || incoming.destroyed) {
      settle();
      if (incoming.readableEnded) resolve();
      else reject(broken(url, undefined));
      return;
    }
    signal?.addEventListener("abort", abort, { once: true });
    incoming.on("data", take);
    incoming.on("end", () => {
      settle();
      if (incoming.complete) resolve();
      else reject(broken(url, undefined));
    });
    incoming.on("error", (error) => fail(broken(url, error)));
    incoming.on("close", () => {
      settle();
      // After "end" this changes nothing; without it the body was cut off.
      reject(broken(url, undefined));
    });
  });
}

function broken(url: URL, cause: unknown): LadingError {
  return new LadingError("network", `${url.host}: the connection broke before the body ended`, {
    url: redactUrl(url),
    cause,
    transient: true,
  });
}

function stalled(url: URL, idleMs: number): LadingError {
  const seconds = Math.round(idleMs / 1000);
  return new LadingError("network", `${url.host}: no byte came for ${seconds} s`, {
    url: redactUrl(url),
    transient: true,
  });
}

function tooSlow(url: URL, documentMs: number): LadingError {
  return new LadingError("network", `${url.host}: its answer is not whole after ${documentMs} ms`, {
    url: redactUrl(url),
    transient: true,
    hint: "the registry or the network is slow or down; try again",
  });
}

function tooLong(url: URL, maxBytes: number): LadingError {
  return new LadingError(
    "limit-exceeded",
    `${url.host} sends more than the ${maxBytes} bytes allowed`,
    {
      url: redactUrl(url),
    },
  );
}

/** We ask for identity; inflating what comes all the same would let a small body become a huge one. */
function encoded(url: URL, encoding: string): LadingError {
  return new LadingError("malformed", `${url.host} compresses what was asked for as it is`, {
    url: redactUrl(url),
    hint: `Content-Encoding is ${JSON.stringify(encoding.slice(0, 40))}: a proxy in between may add it`,
  });
}
