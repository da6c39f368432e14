import { LadingError } from "../../errors.ts";
import { failureReason } from "../http/network-error.ts";
import type { NamedProxy } from "./environment.ts";

/** None of these shows more of the proxy than host and port. */
export function proxyDown(named: NamedProxy, error: Error): LadingError {
  if (error instanceof LadingError) return error;
  const [why] = failureReason(error, named.proxy.protocol === "https:");
  return proxyError(named, why, { cause: error, transient: true });
}

export function proxyTimedOut(named: NamedProxy): LadingError {
  return proxyError(named, "it opens no connection in time", { transient: true });
}

export function badTunnel(named: NamedProxy): LadingError {
  return proxyError(named, "it sends what was not asked for");
}

/** Its address is one that nothing is ever connected to. */
export function refusedProxy({ proxy, from }: NamedProxy): LadingError {
  return new LadingError("refused", `a connection to the proxy ${proxy.host} is refused`, {
    url: proxy.origin,
    hint: `${from} names this proxy; link-local and metadata addresses are never connected to, see docs/realm-policy.md`,
  });
}

export function refusedByProxy(named: NamedProxy, target: string, status: number): LadingError {
  return new LadingError(
    "network",
    `the proxy ${named.proxy.host} opens no connection to ${target}: it answered ${status}`,
    {
      url: named.proxy.origin,
      status,
      transient: status >= 500,
      hint: `${named.from} names this proxy; NO_PROXY names hosts that are reached without it`,
    },
  );
}

/** The proxy's 407, for a tunnel or for a request that it was to pass on. */
export function wantsAccount({ proxy, from }: NamedProxy): LadingError {
  const known = proxy.username !== "" || proxy.password !== "";
  const what = known ? "refuses the user and password that it was given" : "wants credentials";
  return new LadingError("unauthorized", `the proxy ${proxy.host} ${what}`, {
    url: proxy.origin,
    status: 407,
    hint: `${from} names this proxy: http://USER:PASSWORD@${proxy.host}`,
  });
}

function proxyError(
  { proxy, from }: NamedProxy,
  why: string,
  options: { readonly cause?: unknown; readonly transient?: boolean } = {},
): LadingError {
  return new LadingError("network", `the proxy ${proxy.host}: ${why}`, {
    url: proxy.origin,
    hint: `${from} names this proxy; is it right, and is it up?`,
    ...options,
  });
}
