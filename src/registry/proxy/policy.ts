import { isIP } from "node:net";
import type { AddressClass } from "../http/address.ts";
import { classify } from "../http/address.ts";
import { plainHost } from "./no-proxy.ts";

/**
 * What a host behind a proxy is taken for: the proxy resolves its name, so only the name itself tells.
 * What looks like a name of an internal network is private; every other may be anything, and passes
 * for public. See `docs/realm-policy.md`.
 */
export function proxiedClass(hostname: string): AddressClass {
  const host = plainHost(hostname).toLowerCase();
  if (isIP(host) !== 0) return classify(host);
  if (METADATA.has(host)) return "refused";
  if (host === "localhost" || host.endsWith(".localhost")) return "loopback";
  return !host.includes(".") || INTERNAL.test(host) ? "private" : "public";
}

/** Who answered through a proxy: never more than private, for the proxy's loopback is not ours. */
export function proxiedPeer(hostname: string): AddressClass {
  const target = proxiedClass(hostname);
  return target === "loopback" ? "private" : target;
}

/** The names of clouds' metadata services. */
const METADATA: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
]);

const INTERNAL = /\.(?:local|internal|intranet|corp|home|lan|home\.arpa|private)$/;
