import { isIP } from "node:net";
import { LadingError, throwIfAborted, untilAborted } from "../../errors.ts";
import { type DialOptions, dial, secure } from "../../registry/connections/dial.ts";
import { refusedAddress, refusedName, systemLookup } from "../../registry/connections/lookup.ts";
import { classify, isLoopback, mayReach } from "../../registry/http/address.ts";
import { inScheme } from "../../registry/http/in-scheme.ts";
import { failureReason, speaksNoTls } from "../../registry/http/network-error.ts";
import { defaultTimeouts } from "../../registry/http/timeouts.ts";
import { proxyEnvironment } from "../../registry/proxy/environment.ts";
import { type Route, routeFor } from "../../registry/proxy/route.ts";
import type { HostSettings } from "../../registry/settings/types.ts";
import { systemRoots } from "../../registry/tls/system-roots.ts";
import type { Session } from "../session.ts";
import type { Finding } from "./steps.ts";

export interface Host {
  readonly session: Session;
  readonly settings: HostSettings;
  readonly signal: AbortSignal | undefined;
}

/** Where connections go: to the registry, or to the proxy that makes them to it. */
export interface Found extends Host {
  readonly route: Route;
  /** The registry, as it is spoken to. */
  readonly url: URL;
  /** Whom we connect to. */
  readonly peer: URL;
  readonly addresses: readonly string[];
}

export async function resolveName(host: Host): Promise<Finding<Found>> {
  const { session, settings, signal } = host;
  const { base, proxy } = settings.server;
  const url = settings.plainHttp ? inScheme(base, "http:", settings.registry) : base;
  const route = routeFor(url, { proxy }, proxyEnvironment(process.env));
  const peer = route.via === "proxy" ? route.proxy : url;
  const name = plainName(peer);
  const all = isIP(name) === 0 ? await lookedUp(session, peer, signal) : [name];
  const found = all.map((address) => `${address} (${classify(address)})`).join(", ");
  const addresses = reachable(peer, all);
  const value = { ...host, route, url, peer, addresses };
  if (route.via === "direct") return { value, detail: found };
  const by = `the proxy of ${route.from}, which finds ${url.hostname}`;
  return { value, detail: `${found}: ${peer.host}, ${by}` };
}

async function lookedUp(
  session: Session,
  url: URL,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const lookup = session.options.transport?.lookup ?? (await systemLookup());
  try {
    const found = await untilAborted(lookup(plainName(url)), signal);
    return found.map(({ address }) => address);
  } catch (cause) {
    throwIfAborted(signal);
    const [why, hint] = failureReason(cause instanceof Error ? cause : new Error(), false);
    throw new LadingError("network", `${url.hostname}: ${why}`, { hint, cause });
  }
}

/** Those that a pull would connect to, be it the registry's or the proxy's of one's own choice. */
function reachable(url: URL, addresses: readonly string[]): readonly string[] {
  const allowed = addresses.filter((address) => mayReach("loopback", classify(address)));
  const [first] = addresses;
  if (first === undefined || allowed.length > 0) return allowed;
  throw isIP(plainName(url)) === 0 ? refusedName(url.hostname, first) : refusedAddress(url, first);
}

/** A few are enough to know, and one that answers is enough to go on. */
const MOST_ADDRESSES = 8;

export async function connectTo(found: Found): Promise<Finding<Found>> {
  const { peer, addresses, session, signal } = found;
  const options = dialOptions(found);
  const tried = await Promise.allSettled(
    addresses.slice(0, MOST_ADDRESSES).map(async (address) => {
      const started = session.clock.now();
      const socket = await dial(peer, address, options);
      socket.destroy();
      return { address, ms: session.clock.now() - started };
    }),
  );
  throwIfAborted(signal);
  const good = tried.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const bad = tried.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  if (good.length === 0) throw bad[0] ?? noAddress(peer);
  const times = good.map(({ address, ms }) => `${address} in ${Math.round(ms)} ms`).join(", ");
  const value = { ...found, addresses: good.map(({ address }) => address) };
  if (bad.length === 0) return { value, detail: times };
  const [first] = bad;
  const why = first instanceof Error ? first.message : String(first);
  return {
    value,
    state: "warning",
    detail: `${times}; ${bad.length} of ${tried.length} addresses can't be reached (${why})`,
    hint: "a pull goes on with the others, after a wait; an IPv6 that leads nowhere looks like this",
  };
}

const DAY = 86_400_000;

export async function speakTls(found: Found): Promise<Finding<Found>> {
  const { route, url, addresses, session, settings } = found;
  const { tls } = settings.server;
  const [address] = addresses;
  const skipped = (detail: string): Finding<Found> => ({ value: found, state: "skipped", detail });
  if (url.protocol === "http:") return skipped("it is spoken to in http");
  if (route.via === "proxy" || address === undefined) {
    return skipped("inside of the proxy's tunnel: the next step shows it");
  }
  const options = dialOptions(found);
  const socket = await dial(url, address, options);
  try {
    const source = await session.settings();
    const roots = () => source.roots?.() ?? systemRoots(process.env);
    const secured = await secure(url, socket, { ...options, tls, roots });
    const { issuer, valid_to } = secured.getPeerCertificate();
    const by = String(issuer?.O ?? issuer?.CN ?? "nobody");
    const expires = Date.parse(valid_to);
    const until = new Date(expires).toISOString().slice(0, 10);
    const detail = `${secured.getProtocol()}, certified by ${by} until ${until}`;
    if (tls.skipVerify) {
      const hint = "skip-verify is set for it: anyone on the way can answer in its name";
      return { value: found, state: "warning", detail: `${detail}; not verified`, hint };
    }
    if (expires - session.clock.now() > 14 * DAY) return { value: found, detail };
    const hint = "its certificate is about to expire";
    return { value: found, state: "warning", detail, hint };
  } catch (error) {
    if (isLoopback(url.hostname) && speaksNoTls(error)) {
      return skipped("it speaks http, as hosts of this machine may");
    }
    throw error;
  } finally {
    socket.destroy();
  }
}

function dialOptions({ session, settings, signal }: Host): DialOptions {
  const { timeouts, transport } = session.options;
  const { connectMs } = { ...defaultTimeouts, ...timeouts, ...settings.server.timeouts };
  return { timeoutMs: connectMs, signal, clock: session.clock, transport };
}

function plainName({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function noAddress({ host }: URL): LadingError {
  return new LadingError("network", `${host}: the name has no address`, {
    hint: "check the spelling of the registry and the network",
  });
}
