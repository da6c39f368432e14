import type { Timeouts } from "../http/timeouts.ts";

/** How one origin is spoken to: all that connections, TLS and proxies read. Paths are absolute by now. */
export interface EndpointSettings {
  readonly tls: TlsSettings;
  /** `undefined`: as the environment says (`HTTPS_PROXY`…); "none": never one. */
  readonly proxy: ProxyUrl | "none" | undefined;
  /** Lower-case names. Sent to this origin only, and on no anonymous request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeouts: Partial<Timeouts>;
  /** Most requests under way at one time. */
  readonly concurrency: number | undefined;
  readonly requestsPerSecond: number | undefined;
}

export interface TlsSettings {
  /** PEM files of authorities that are trusted beside the system's. */
  readonly ca: readonly string[];
  /** Files of client certificates with their keys; both may be in one file. */
  readonly client: readonly { readonly cert: string; readonly key: string }[];
  readonly skipVerify: boolean;
}

/** An http or https URL without a path; user and password are for the proxy itself. */
export type ProxyUrl = URL & { readonly __brand: "ProxyUrl" };

export type Capability = "pull" | "resolve" | "push" | "referrers";

export interface Endpoint extends EndpointSettings {
  /** `https://mirror.lan/prefix/v2/`: stands for `https://HOST/v2/`; ends with a slash. */
  readonly base: URL;
  readonly capabilities: ReadonlySet<Capability>;
  /** Of a mirror: whether the registry's own credentials may be sent there. The server: true. */
  readonly trusted: boolean;
  /** Replaces the beginning of repository names: `{ from: "", to: "docker-hub/" }`. */
  readonly rewrite: { readonly from: string; readonly to: string } | undefined;
  /** Sends `?ns=REGISTRY`: mirrors, unless that is switched off. */
  readonly namespace: boolean;
}

/** Everything about one registry, as references name it. */
export interface HostSettings {
  /** `docker.io`, `ghcr.io`, `registry.lan:5000`. */
  readonly registry: string;
  /** In the order in which they are asked. */
  readonly mirrors: readonly Endpoint[];
  readonly server: Endpoint;
  /** Spoken to in http though it is not of this machine. */
  readonly plainHttp: boolean;
  /** Hosts that this registry may lead to though the address rules refuse them. */
  readonly trustHosts: readonly string[];
  /** The credential helper's name; without one the credential files decide. */
  readonly helper: string | undefined;
  /** The file that each value came from, by its name: `ca`, `headers.x-team`, `mirrors`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** What the client asks for settings. Implementations remember what they have read. */
export interface SettingsSource {
  /** For a registry that a reference names. */
  forRegistry(registry: string): Promise<HostSettings>;
  /** For an origin that something led to: a token server, a CDN. Only what that origin's own entry says. */
  forOrigin(origin: string): Promise<EndpointSettings>;
  /**
   * The authorities that are trusted everywhere, PEM texts; `undefined`: those that come with Node. Costs
   * milliseconds of reading: to be asked when a TLS connection is about to be made, not before.
   */
  roots?(): Promise<readonly string[] | undefined>;
}
