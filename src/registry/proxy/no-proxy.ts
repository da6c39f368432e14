import { BlockList, isIP } from "node:net";
import { domainToASCII } from "node:url";

/**
 * Which hosts no proxy is asked for, by `NO_PROXY` as programs in Go read it: `*`; networks; addresses
 * and names, both with a port or without. A name stands for itself and what is below it, one that
 * begins with a dot only for what is below. Networks are for addresses: no name is resolved for them.
 *
 * @see https://pkg.go.dev/golang.org/x/net/http/httpproxy
 */
export function parseNoProxy(text: string): (url: URL) => boolean {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== "");
  if (entries.includes("*")) return () => true;
  const rules = entries.flatMap((entry) => ruleOf(entry.toLowerCase()) ?? []);
  return (url) => {
    const target = { host: plainHost(url.hostname), port: url.port || DEFAULT_PORTS[url.protocol] };
    return rules.some((rule) => rule(target));
  };
}

/** Brackets and the dot of a full name say nothing about who is meant. */
export function plainHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

interface Target {
  readonly host: string;
  readonly port: string | undefined;
}

type Rule = (target: Target) => boolean;

function ruleOf(entry: string): Rule | undefined {
  const network = networkOf(entry);
  if (network !== undefined) return ({ host }) => contains(network, host);
  const { name, port } = splitPort(entry);
  if (name === "") return undefined;
  const rule = isIP(name) === 0 ? nameRule(name) : addressRule(name);
  return (target) => (port === undefined || port === target.port) && rule(target);
}

function nameRule(name: string): Rule {
  const below = name.replace(/^\*(?=\.)/, "");
  const ascii = domainToASCII(below.replace(/^\./, "").replace(/\.$/, ""));
  if (ascii === "") return () => false;
  const suffix = `.${ascii}`;
  if (below.startsWith(".")) return ({ host }) => host.endsWith(suffix);
  return ({ host }) => host === ascii || host.endsWith(suffix);
}

function addressRule(address: string): Rule {
  const list = new BlockList();
  list.addAddress(address, familyOf(address));
  return ({ host }) => contains(list, host);
}

function networkOf(entry: string): BlockList | undefined {
  const [, address = "", bits = ""] = /^\[?([0-9a-f.:]+)\]?\/([0-9]{1,3})$/.exec(entry) ?? [];
  const version = isIP(address);
  if (version === 0 || Number(bits) > (version === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), familyOf(address));
  return list;
}

function contains(list: BlockList, host: string): boolean {
  return isIP(host) !== 0 && list.check(host, familyOf(host));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

function splitPort(entry: string): { readonly name: string; readonly port: string | undefined } {
  if (isIP(entry) !== 0) return { name: entry, port: undefined };
  const [, name = "", port] = /^(.*?)(?::([0-9]{1,5}))?$/.exec(entry) ?? [];
  return { name: name.replace(/^\[|\]$/g, ""), port };
}
