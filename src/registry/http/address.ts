import { BlockList, isIP } from "node:net";

/**
 * How public an address is. `refused` addresses (link-local, cloud metadata, unspecified, multicast)
 * are never connected to.
 */
export type AddressClass = "public" | "private" | "loopback" | "refused";

/** From the most public to the least. */
const ORDER: readonly AddressClass[] = ["public", "private", "loopback", "refused"];

/**
 * Whether an address of class `target` may be reached on behalf of one of class `from`. What is
 * refused, or not known, leads no further than the most public does.
 */
export function mayReach(from: AddressClass, target: AddressClass): boolean {
  const leads = from === "refused" ? "public" : from;
  return target !== "refused" && ORDER.indexOf(target) <= ORDER.indexOf(leads);
}

/**
 * The class of an IP address, by the IANA special-purpose registries. 198.18.0.0/15 counts as public:
 * proxies answer with it for every name. An IPv4 address inside IPv6 (mapped, NAT64, 6to4) counts as itself.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 */
export function classify(address: string): AddressClass {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const family = isIP(bare);
  if (family === 0) return "refused";
  if (family === 6) {
    const embedded = embeddedIpv4(bare);
    if (embedded !== undefined) return classify(embedded);
  }
  const type = family === 4 ? "ipv4" : "ipv6";
  if (REFUSED.check(bare, type)) return "refused";
  if (LOOPBACK.check(bare, type)) return "loopback";
  return PRIVATE.check(bare, type) ? "private" : "public";
}

/** Whether a host is this machine, by its name or address. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" || hostname.endsWith(".localhost") || classify(hostname) === "loopback"
  );
}

const REFUSED = blockList([
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["192.0.0.192", 32], // Oracle's metadata service
  ["100.100.100.200", 32], // Alibaba's
  ["168.63.129.16", 32], // Azure's
  ["::", 128],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
  ["fd00:ec2::254", 128], // Amazon's over IPv6
  ["fd20:ce::254", 128], // Google's over IPv6
]);

const LOOPBACK = blockList([
  ["127.0.0.0", 8],
  ["::1", 128],
]);

const PRIVATE = blockList([
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["100.64.0.0", 10],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["fc00::", 7],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 32], // Teredo
  ["2001:db8::", 32],
  ["3fff::", 20],
]);

function blockList(subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of subnets) {
    list.addSubnet(address, prefix, address.includes(":") ? "ipv6" : "ipv4");
  }
  return list;
}

const MAPPED = prefix96("::ffff:0:0");
const TRANSLATED = prefix96("64:ff9b::");
const TRANSLATED_LOCAL = prefix96("64:ff9b:1::");
const COMPATIBLE = prefix96("::");
const SIX_TO_FOUR = blockList([["2002::", 16]]);

function embeddedIpv4(address: string): string | undefined {
  if (SIX_TO_FOUR.check(address, "ipv6")) return dotted(expand(address).slice(1, 3));
  const holders = [MAPPED, TRANSLATED, TRANSLATED_LOCAL, COMPATIBLE];
  if (!holders.some((holder) => holder.check(address, "ipv6"))) return undefined;
  const groups = expand(address).slice(-2);
  if (COMPATIBLE.check(address, "ipv6") && groups[0] === 0) return undefined; // :: and ::1
  return dotted(groups);
}

function dotted([high = 0, low = 0]: readonly number[]): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight groups of an IPv6 address that is known to be one. */
function expand(address: string): number[] {
  const mixed = /^(.*:)([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/.exec(address);
  const [, head = "", a, b, c, d] = mixed ?? [];
  const hex = (x?: string, y?: string): string => (Number(x) * 256 + Number(y)).toString(16);
  const text = mixed ? `${head}${hex(a, b)}:${hex(c, d)}` : address;
  const [left = "", right] = text.split("::");
  const start = left === "" ? [] : left.split(":");
  const end = right === undefined || right === "" ? [] : right.split(":");
  const middle = right === undefined ? [] : Array(8 - start.length - end.length).fill("0");
  return [...start, ...middle, ...end].map((group) => Number.parseInt(group, 16));
}

function prefix96(address: string): BlockList {
  return blockList([[address, 96]]);
}
