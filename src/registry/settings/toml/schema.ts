import * as v from "valibot";
import { parseDuration } from "../duration.ts";
import { isHeaderName, isHeaderValue } from "../header-names.ts";
import type { Capability } from "../types.ts";

/**
 * lading.toml: its keys, what they hold, and what they mean. The one definition: files are checked by it,
 * `schemas/lading.schema.json` is written out of it, and `docs/registries.md` is held against it.
 */

export interface LadingToml {
  readonly defaults?: DefaultsToml | undefined;
  readonly registry?: Readonly<Record<string, RegistryToml>> | undefined;
}

export interface EndpointToml {
  readonly ca?: string | readonly string[] | undefined;
  readonly client?:
    | readonly { readonly cert: string; readonly key?: string | undefined }[]
    | undefined;
  readonly "skip-verify"?: boolean | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly proxy?: string | undefined;
  readonly timeouts?: TimeoutsToml | undefined;
  readonly concurrency?: number | undefined;
  readonly "requests-per-second"?: number | undefined;
}

export interface TimeoutsToml {
  readonly connect?: string | undefined;
  readonly headers?: string | undefined;
  readonly idle?: string | undefined;
}

export interface DefaultsToml extends Omit<EndpointToml, "client" | "skip-verify" | "headers"> {
  readonly "certs-d"?: string | readonly string[] | undefined;
  readonly "system-roots"?: boolean | undefined;
}

export interface RegistryToml extends EndpointToml {
  readonly server?: string | undefined;
  readonly "override-path"?: boolean | undefined;
  readonly http?: boolean | undefined;
  readonly helper?: string | undefined;
  readonly "trust-hosts"?: readonly string[] | undefined;
  readonly "mirror-tags"?: "capable" | "never" | undefined;
  readonly mirror?: readonly MirrorToml[] | undefined;
}

export interface MirrorToml extends EndpointToml {
  readonly url: string;
  readonly "override-path"?: boolean | undefined;
  readonly capabilities?: readonly Capability[] | undefined;
  readonly trusted?: boolean | undefined;
  readonly namespace?: boolean | undefined;
  readonly rewrite?: { readonly from: string; readonly to: string } | undefined;
}

const text = v.string("a text is needed here, in quotes");
const flag = v.boolean("true or false is needed here");

const file = v.pipe(text, v.minLength(1, "it is empty"));
const files = v.union([file, v.array(file)], "a path or a list of paths is needed here");

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?$/;
export const isHost = (host: string): boolean => HOST.test(host) && URL.canParse(`https://${host}`);
const host = v.pipe(
  text,
  v.check(isHost, "a host is needed here, with a port or without: auth.lan, cdn.lan:9000"),
);

const MAX_MS = 24 * 3_600_000;
const duration = v.pipe(
  text,
  v.check((given) => {
    const ms = parseDuration(given);
    return ms !== undefined && ms > 0 && ms <= MAX_MS;
  }, 'a time is needed here, up to 24h: "5s", "1m30s", "250ms"'),
);

const timeouts = v.pipe(
  v.object({
    connect: v.optional(v.pipe(duration, v.description("Name, connection and TLS together."))),
    headers: v.optional(
      v.pipe(duration, v.description("From the request to the answer's headers.")),
    ),
    idle: v.optional(v.pipe(duration, v.description("Without a byte of the body."))),
  }),
  v.description('Go durations: "5s", "1m30s".'),
);

const concurrency = v.pipe(
  v.number("a number is needed here"),
  v.integer("a whole number is needed here"),
  v.minValue(1, "it is 1 at least"),
  v.maxValue(256, "it is 256 at most"),
  v.description("Most requests under way at one time for one host."),
);

const requestsPerSecond = v.pipe(
  v.number("a number is needed here"),
  v.minValue(0.01, "it is 0.01 at least"),
  v.maxValue(10_000, "it is 10000 at most"),
  v.description("Most requests in a second to one host."),
);

const proxy = v.pipe(
  text,
  v.description(
    'http://[user:password@]host[:port], or "none"; wins over HTTPS_PROXY and NO_PROXY.',
  ),
);

const headers = v.pipe(
  v.record(
    v.pipe(text, v.check(isHeaderName, "a header can't have this name")),
    v.pipe(text, v.check(isHeaderValue, "a header's value is one line of plain characters")),
    "a table of names and texts is needed here",
  ),
  v.description("Sent with each request to this host, and to no other."),
);

const endpoint = {
  ca: v.optional(v.pipe(files, v.description("PEM files that are trusted beside the system's."))),
  client: v.optional(
    v.pipe(
      v.array(v.object({ cert: file, key: v.optional(file) }), "a list of tables is needed here"),
      v.description("Client certificates; without a key, the file holds both."),
    ),
  ),
  "skip-verify": v.optional(
    v.pipe(flag, v.description("Takes any certificate. For this host alone, and said aloud.")),
  ),
  headers: v.optional(headers),
  proxy: v.optional(proxy),
  timeouts: v.optional(timeouts),
  concurrency: v.optional(concurrency),
  "requests-per-second": v.optional(requestsPerSecond),
};

const capability = v.picklist(
  ["pull", "resolve", "push", "referrers"],
  'one of "pull", "resolve", "push" and "referrers" is needed here',
);

const overridePath = v.pipe(flag, v.description("The path is the whole; no /v2 is added to it."));

const mirror = v.object({
  url: v.pipe(text, v.description("Where its API begins; /v2 is added unless it is there.")),
  "override-path": v.optional(overridePath),
  capabilities: v.optional(
    v.pipe(
      v.array(capability),
      v.description('What it is asked for. Default ["pull"]: tags are resolved by the registry.'),
    ),
  ),
  trusted: v.optional(
    v.pipe(flag, v.description("The registry's own credentials may be sent there.")),
  ),
  namespace: v.optional(v.pipe(flag, v.description("Sends ?ns=REGISTRY. Default true."))),
  rewrite: v.optional(
    v.pipe(
      v.object({ from: text, to: text }),
      v.description("Replaces the beginning of repository names."),
    ),
  ),
  ...endpoint,
});

const registry = v.object({
  server: v.optional(
    v.pipe(text, v.description("Where the registry is, in place of its own name.")),
  ),
  "override-path": v.optional(overridePath),
  http: v.optional(v.pipe(flag, v.description("Speaks http to it."))),
  helper: v.optional(
    v.pipe(
      text,
      v.regex(
        /^(?!\.{1,2}$)[a-z0-9._-]{1,64}$/,
        "a helper's name has lower-case letters, digits, . _ and -",
      ),
      v.description("The credential helper docker-credential-NAME."),
    ),
  ),
  "trust-hosts": v.optional(
    v.pipe(
      v.array(host, "a list of hosts is needed here"),
      v.description("Token servers and CDNs of this registry that may be at a private address."),
    ),
  ),
  "mirror-tags": v.optional(
    v.pipe(
      v.picklist(["capable", "never"], '"capable" or "never" is needed here'),
      v.description("Whether mirrors that can may resolve tags. Default capable."),
    ),
  ),
  mirror: v.optional(
    v.pipe(v.array(mirror), v.description("Asked in this order, before the server.")),
  ),
  ...endpoint,
});

const defaults = v.object({
  ca: endpoint.ca,
  "certs-d": v.optional(
    v.pipe(files, v.description("Folders of hosts.toml and certificates, in place of the usual.")),
  ),
  "system-roots": v.optional(
    v.pipe(flag, v.description("false: the CAs that come with Node.js, not the system's.")),
  ),
  proxy: endpoint.proxy,
  timeouts: endpoint.timeouts,
  concurrency: endpoint.concurrency,
  "requests-per-second": endpoint["requests-per-second"],
});

export const ladingToml: v.GenericSchema<unknown, LadingToml> = v.object({
  defaults: v.optional(v.pipe(defaults, v.description("For every registry."))),
  registry: v.optional(
    v.pipe(
      v.record(text, registry, "a table of registries is needed here"),
      v.description("By host[:port], as references name it: docker.io, registry.lan:5000."),
    ),
  ),
});
