import { dirname, isAbsolute, join } from "node:path";
import { LadingError } from "../../../errors.ts";
import type { Timeouts } from "../../http/timeouts.ts";
import { registryBase } from "../base-url.ts";
import { parseDuration } from "../duration.ts";
import { forbiddenHeader } from "../header-names.ts";
import {
  type DefaultsPatch,
  type EndpointPatch,
  type MirrorPatch,
  originKeys,
  present,
  type RegistryPatch,
} from "../patch.ts";
import { ProblemList } from "../problem.ts";
import { parseProxyUrl } from "../proxy-url.ts";
import { checkTable } from "./check-table.ts";
import type { KeyPath } from "./key-positions.ts";
import { readToml } from "./read-toml.ts";
import {
  type DefaultsToml,
  type EndpointToml,
  isHost,
  ladingToml,
  type MirrorToml,
  type RegistryToml,
  type TimeoutsToml,
} from "./schema.ts";

/** One lading.toml, as far as it is right; what is not is in `problems`. */
export interface LadingSettings {
  readonly defaults: DefaultsPatch;
  /** By lower-case name. */
  readonly registries: ReadonlyMap<string, RegistryPatch>;
  readonly problems: ProblemList;
}

export function parseLadingToml(bytes: Uint8Array, path: string): LadingSettings {
  const problems = new ProblemList(path);
  const table = readToml(bytes, problems);
  const checked = table === undefined ? undefined : checkTable(ladingToml, table, problems);
  const reader = new Reader(path, problems);
  const registries = new Map<string, RegistryPatch>();
  for (const [name, given] of Object.entries(checked?.registry ?? {})) {
    const registry = name.toLowerCase() === "index.docker.io" ? "docker.io" : name.toLowerCase();
    const key = ["registry", name];
    if (name === "*") problems.error(key, "what holds for every registry stands in [defaults]");
    else if (!isHost(name)) problems.error(key, `"${name}" is not a host with an optional port`);
    else if (registries.has(registry)) problems.error(key, `"${name}" is there twice`);
    else registries.set(registry, reader.registry(given, key));
  }
  return { defaults: reader.defaults(checked?.defaults ?? {}), registries, problems };
}

/** Makes of what is well-formed what it means; paths are the file's own folder's. */
class Reader {
  readonly #path: string;
  readonly #problems: ProblemList;

  constructor(path: string, problems: ProblemList) {
    this.#path = path;
    this.#problems = problems;
  }

  defaults(given: DefaultsToml): DefaultsPatch {
    const key = ["defaults"];
    const patch = {
      ...this.#endpoint(given, key),
      ...present("certsD", this.#paths(given["certs-d"])),
      ...present("systemRoots", given["system-roots"]),
    };
    return { ...patch, origins: this.#origins(patch) };
  }

  registry(given: RegistryToml, key: KeyPath): RegistryPatch {
    const server = this.#base(given.server, given["override-path"], [...key, "server"]);
    if (given["override-path"] !== undefined && given.server === undefined) {
      this.#problems.error(
        [...key, "override-path"],
        '"override-path" means nothing without "server"',
      );
    }
    if (
      given.http !== undefined &&
      server !== undefined &&
      (server.protocol === "http:") !== given.http
    ) {
      this.#problems.error(
        [...key, "http"],
        '"http" and the scheme of "server" contradict each other',
      );
    }
    const mirrors = given.mirror?.flatMap((mirror, at) =>
      this.#mirror(mirror, [...key, "mirror", at]),
    );
    const patch = {
      ...this.#endpoint(given, key),
      ...present("server", server),
      ...present(
        "http",
        given.http ?? (server === undefined ? undefined : server.protocol === "http:"),
      ),
      ...present("mirrors", mirrors),
      ...present("mirrorTags", given["mirror-tags"]),
      ...present("trustHosts", given["trust-hosts"]),
      ...present("helper", given.helper),
    };
    return { ...patch, origins: this.#origins(patch) };
  }

  #mirror(given: MirrorToml, key: KeyPath): MirrorPatch[] {
    const base = this.#base(given.url, given["override-path"], [...key, "url"]);
    if (base === undefined) return [];
    const { capabilities = ["pull"], trusted = false, namespace = true, rewrite } = given;
    const set = new Set(capabilities);
    return [
      { ...this.#endpoint(given, key), base, capabilities: set, trusted, namespace, rewrite },
    ];
  }

  #endpoint(given: EndpointToml, key: KeyPath): EndpointPatch {
    const ca = this.#paths(given.ca);
    const client = given.client?.map(({ cert, key: secret }) => ({
      cert: this.#absolute(cert),
      key: this.#absolute(secret ?? cert),
    }));
    return {
      ...present("ca", ca),
      ...present("client", client),
      ...present("skipVerify", given["skip-verify"]),
      ...present("headers", this.#headers(given.headers, [...key, "headers"])),
      ...present("proxy", this.#proxy(given.proxy, [...key, "proxy"])),
      ...present("timeouts", given.timeouts === undefined ? undefined : timeouts(given.timeouts)),
      ...present("concurrency", given.concurrency),
      ...present("requestsPerSecond", given["requests-per-second"]),
    };
  }

  #base(text: string | undefined, override = false, key: KeyPath): URL | undefined {
    if (text === undefined) return undefined;
    const base = registryBase(text, override);
    if (typeof base !== "string") return base;
    this.#problems.error(key, `"${key.at(-1)}": ${base}`);
    return undefined;
  }

  #headers(
    given: Readonly<Record<string, string>> | undefined,
    key: KeyPath,
  ): Readonly<Record<string, string>> | undefined {
    if (given === undefined) return undefined;
    for (const name of Object.keys(given)) {
      const no = forbiddenHeader(name.toLowerCase());
      if (no !== undefined) this.#problems.error([...key, name], no.why, no.hint);
    }
    return Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]),
    );
  }

  #proxy(text: string | undefined, key: KeyPath): EndpointPatch["proxy"] {
    if (text === undefined || text === "none") return text;
    try {
      return parseProxyUrl(text);
    } catch (error) {
      if (!(error instanceof LadingError)) throw error;
      this.#problems.error(key, `"proxy": ${error.message}`, error.hint);
      return undefined;
    }
  }

  #paths(given: string | readonly string[] | undefined): readonly string[] | undefined {
    return given === undefined ? undefined : [given].flat().map((path) => this.#absolute(path));
  }

  #absolute(path: string): string {
    return isAbsolute(path) ? path : join(dirname(this.#path), path);
  }

  #origins(patch: object): ReadonlyMap<string, string> {
    return new Map(originKeys(patch).map((key) => [key, this.#path]));
  }
}

function timeouts({ connect, headers, idle }: TimeoutsToml): Partial<Timeouts> {
  return {
    ...present("connectMs", milliseconds(connect)),
    ...present("headersMs", milliseconds(headers)),
    ...present("idleMs", milliseconds(idle)),
  };
}

const milliseconds = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Math.max(1, Math.round(parseDuration(text) ?? 0));
