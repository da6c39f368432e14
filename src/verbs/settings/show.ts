import { LadingError } from "../../errors.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Capability, Endpoint, HostSettings } from "../../registry/settings/types.ts";
import type { Session } from "../session.ts";

/** How a registry is spoken to: what files, variables and options come to. Without any secret. */
export interface ShownSettings {
  readonly registry: string;
  readonly server: ShownEndpoint;
  /** In the order in which they are asked. */
  readonly mirrors: readonly ShownEndpoint[];
  readonly plainHttp: boolean;
  readonly trustHosts: readonly string[];
  readonly helper?: string;
  /** The file that a value came from, by its name: `ca`, `headers.x-team`, `mirrors`. */
  readonly origins: Readonly<Record<string, string>>;
}

export interface ShownEndpoint {
  /** Where its API begins. */
  readonly url: string;
  readonly capabilities: readonly Capability[];
  /** Whether the registry's own credentials may be sent there. */
  readonly trusted: boolean;
  readonly namespace: boolean;
  readonly rewrite?: { readonly from: string; readonly to: string };
  /** Files of authorities, beside the system's. */
  readonly ca: readonly string[];
  readonly client: readonly { readonly cert: string; readonly key: string }[];
  readonly skipVerify: boolean;
  /** Names; a value may be a secret, and is `…`. */
  readonly headers: Readonly<Record<string, "…">>;
  /** Without its user and password; `none`: never one. */
  readonly proxy?: string;
  /** The variable that names the proxy, where no file does. */
  readonly proxyFrom?: string;
  readonly timeouts: Readonly<Record<string, number>>;
  readonly concurrency?: number;
  readonly requestsPerSecond?: number;
}

/** Of one registry, as references name it. */
export async function showSettings(session: Session, registry: string): Promise<ShownSettings> {
  const settings = await session.settings();
  return shownHost(await settings.forRegistry(registryNamed(registry)));
}

/** Of each registry that a file names. */
export async function showAllSettings(session: Session): Promise<readonly ShownSettings[]> {
  const { readEverything } = await import("./every-file.ts");
  const settings = await session.settings();
  const names = new Set<string>();
  for (const { registries, problems } of await readEverything({ config: session.options.config })) {
    problems.throwFirst();
    for (const name of registries) if (isRegistry(name)) names.add(name);
  }
  return Promise.all(
    [...names].sort().map(async (name) => shownHost(await settings.forRegistry(name))),
  );
}

/** A registry, or that of an image which names it. */
export function registryNamed(text: string): string {
  const [host = ""] = text.split("/", 1);
  if (isRegistry(host) && (host === text || isReference(text))) {
    return parseReference(`${host}/x`).registry;
  }
  throw new LadingError("usage", `${JSON.stringify(text.slice(0, 80))} is not a registry`, {
    hint: "write its host, with its port if it has one: docker.io, registry.lan:5000",
  });
}

/** What a reference can name: `alpine/x` is docker.io's. */
function isRegistry(text: string): boolean {
  try {
    const { registry } = parseReference(`${text}/x`);
    return registry === text || text === "index.docker.io";
  } catch {
    return false;
  }
}

function isReference(text: string): boolean {
  try {
    return parseReference(text) !== undefined;
  } catch {
    return false;
  }
}

async function shownHost(host: HostSettings): Promise<ShownSettings> {
  const { registry, server, mirrors, plainHttp, trustHosts, helper, origins } = host;
  return {
    registry,
    server: await shownEndpoint(server),
    mirrors: await Promise.all(mirrors.map(shownEndpoint)),
    plainHttp,
    trustHosts,
    ...(helper === undefined ? {} : { helper }),
    origins: Object.fromEntries(origins),
  };
}

async function shownEndpoint(endpoint: Endpoint): Promise<ShownEndpoint> {
  const { base, capabilities, trusted, namespace, rewrite, tls, headers, timeouts } = endpoint;
  const { concurrency, requestsPerSecond } = endpoint;
  return {
    url: base.href,
    capabilities: [...capabilities],
    trusted,
    namespace,
    ...(rewrite === undefined ? {} : { rewrite }),
    ca: tls.ca,
    client: tls.client,
    skipVerify: tls.skipVerify,
    headers: Object.fromEntries(Object.keys(headers).map((name) => [name, "…"] as const)),
    ...(await shownProxy(endpoint)),
    timeouts: { ...timeouts },
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
  };
}

/** As connections choose it: what files say, else the variables. */
async function shownProxy(endpoint: Endpoint): Promise<{ proxy?: string; proxyFrom?: string }> {
  if (endpoint.proxy === "none") return { proxy: "none" };
  const { proxyEnvironment } = await import("../../registry/proxy/environment.ts");
  const { routeFor } = await import("../../registry/proxy/route.ts");
  const { showProxy } = await import("../../registry/settings/proxy-url.ts");
  const route = routeFor(endpoint.base, endpoint, proxyEnvironment(process.env));
  if (route.via === "direct") return {};
  const proxy = showProxy(route.proxy);
  return endpoint.proxy === undefined ? { proxy, proxyFrom: route.from } : { proxy };
}
