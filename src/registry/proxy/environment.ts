import { isIP } from "node:net";
import { LadingError } from "../../errors.ts";
import { classify } from "../http/address.ts";
import { parseProxyUrl } from "../settings/proxy-url.ts";
import type { ProxyUrl } from "../settings/types.ts";
import { parseNoProxy, plainHost } from "./no-proxy.ts";

/** A proxy, and what named it: `HTTPS_PROXY`. */
export interface NamedProxy {
  readonly proxy: ProxyUrl;
  readonly from: string;
}

/** Which proxy the environment names for a URL. Throws for a variable that can't be read. */
export type ProxyEnvironment = (url: URL) => NamedProxy | undefined;

/**
 * `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in capitals or small letters, capitals first, as programs
 * in Go read them; an empty one is none. This machine itself is never asked for through a proxy.
 */
export function proxyEnvironment(environment: NodeJS.ProcessEnv): ProxyEnvironment {
  const [, without = ""] = variable(environment, "NO_PROXY") ?? [];
  const bypass = parseNoProxy(without);
  const known = new Map<string, NamedProxy | undefined>();
  return (url) => {
    if (isThisMachine(url) || bypass(url)) return undefined;
    if (!known.has(url.protocol)) known.set(url.protocol, named(environment, url.protocol));
    return known.get(url.protocol);
  };
}

function named(environment: NodeJS.ProcessEnv, protocol: string): NamedProxy | undefined {
  const name = protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const [from, value] = variable(environment, name) ?? [];
  if (from === undefined || value === undefined) return undefined;
  try {
    return { proxy: parseProxyUrl(value), from };
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
    // The value may hold a password: the variable's name says enough.
    throw new LadingError(error.code, `${from}: ${error.message}`, { hint: error.hint });
  }
}

function variable(
  environment: NodeJS.ProcessEnv,
  name: string,
): readonly [name: string, value: string] | undefined {
  // In a CGI program HTTP_PROXY is a header of whoever asks: https://httpoxy.org
  const foreign = name === "HTTP_PROXY" && environment.REQUEST_METHOD;
  for (const one of foreign ? [name.toLowerCase()] : [name, name.toLowerCase()]) {
    const value = environment[one];
    if (value) return [one, value];
  }
  return undefined;
}

function isThisMachine({ hostname }: URL): boolean {
  const host = plainHost(hostname);
  if (isIP(host) !== 0) return classify(host) === "loopback";
  return host === "localhost" || host.endsWith(".localhost");
}
