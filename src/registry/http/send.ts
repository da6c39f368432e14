import type { Clock } from "../../clock.ts";
import { abortedError, LadingError, throwIfAborted } from "../../errors.ts";
import type { Connection, Connections } from "../connections/connections.ts";
import { wantsAccount } from "../proxy/errors.ts";
import { responseBody } from "./body.ts";
import type { HttpRequest, HttpResponse, Send } from "./message.ts";
import { networkError } from "./network-error.ts";
import { redactUrl } from "./redact.ts";
import type { Timeouts } from "./timeouts.ts";

/** The last step: one request over a kept-alive connection of our own, nothing followed or retried. */
export function send(connections: Connections, timeouts: Timeouts, clock: Clock): Send {
  const unverified = new Set<string>();
  const attempt: Send = async (request) => {
    const connection = await connections.prepare(request.url, request.scope, timeouts);
    for (const host of connection.unverified) warnOnce(unverified, host, request);
    try {
      return await exchange(connection, request, clock);
    } catch (error) {
      if (!connection.again(error)) throw error;
    }
    return attempt(request);
  };
  return async (request) => {
    throwIfAborted(request.operation.signal);
    return attempt(request);
  };
}

async function exchange(
  connection: Connection,
  request: HttpRequest,
  clock: Clock,
): Promise<HttpResponse> {
  const { url, operation } = request;
  const { signal } = operation;
  const { timeouts, proxy } = connection;
  return new Promise<HttpResponse>((resolve, reject) => {
    const outgoing = connection.request({
      method: request.method,
      headers: { ...request.headers, "accept-encoding": "identity" },
    });
    let cancelTimer = clock.after(timeouts.connectMs, () => fail(timedOut("connecting", url)));
    const abort = (): void => {
      if (signal !== undefined) fail(abortedError(signal));
    };
    const settle = (): void => {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
    };
    const fail = (error: LadingError): void => {
      settle();
      reject(error);
      outgoing.destroy();
    };
    signal?.addEventListener("abort", abort, { once: true });
    let connected = false;
    connection.onConnected(outgoing, () => {
      connected = true;
      cancelTimer();
      cancelTimer = clock.after(timeouts.headersMs, () => fail(timedOut("waiting", url)));
    });
    outgoing.on("error", (error) => {
      settle();
      reject(networkError(error, url, connected));
    });
    outgoing.on("response", (incoming) => {
      settle();
      // Inside a tunnel it would be the registry's word.
      if (incoming.statusCode === 407 && proxy !== undefined && url.protocol === "http:") {
        fail(wantsAccount(proxy));
        return;
      }
      resolve({
        status: incoming.statusCode ?? 0,
        headers: joined(incoming.headers),
        url,
        asked: url,
        peer: connection.peer(outgoing),
        connection: connection.facts(outgoing),
        ...(proxy === undefined ? {} : { proxied: true }),
        credentials: request.note?.credentials,
        body: responseBody(incoming, {
          url,
          idleMs: timeouts.idleMs,
          documentMs: 2 * timeouts.headersMs,
          clock,
          signal,
        }),
      });
    });
    outgoing.end(request.body);
  });
}

/** Said aloud for each host that is not verified: whoever is on the way may be the one who answers. */
function warnOnce(told: Set<string>, host: string, { operation }: HttpRequest): void {
  if (operation.onEvent === undefined || told.has(host)) return;
  told.add(host);
  operation.onEvent({
    type: "warning",
    code: "insecure",
    message: `the certificate of ${host} is not verified, as the settings say: anyone on the way can read and answer in its name`,
  });
}

function joined(headers: NodeJS.Dict<string | string[]>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
  );
  return Object.fromEntries(entries);
}

function timedOut(doing: "connecting" | "waiting", url: URL): LadingError {
  const what = doing === "connecting" ? "no connection in time" : "no answer in time";
  return new LadingError("network", `${url.host}: ${what}`, {
    url: redactUrl(url),
    transient: true,
    hint: "the registry or the network is slow or down; try again",
  });
}
