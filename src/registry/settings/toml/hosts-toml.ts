import { dirname, isAbsolute, join } from "node:path";
import { LadingError } from "../../../errors.ts";
import { registryBase } from "../base-url.ts";
import { parseDuration } from "../duration.ts";
import { forbiddenHeader, isHeaderName, isHeaderValue } from "../header-names.ts";
import {
  type EndpointPatch,
  type MirrorPatch,
  originKeys,
  present,
  type RegistryPatch,
} from "../patch.ts";
import { nameOf, ProblemList } from "../problem.ts";
import { parseProxyUrl } from "../proxy-url.ts";
import type { Capability } from "../types.ts";
import { nearest } from "./check-table.ts";
import type { KeyPath } from "./key-positions.ts";
import { isTable, readToml, type TomlTable } from "./read-toml.ts";

/**
 * containerd's hosts.toml of one registry: its mirrors in the order of the file, then the server. Two
 * things are taken more strictly than containerd does: a file that is wrong is an error and never silently
 * the public registry, and what is not known is told.
 *
 * @see https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
export function parseHostsToml(
  bytes: Uint8Array,
  path: string,
): { readonly patch: RegistryPatch; readonly problems: ProblemList } {
  const problems = new ProblemList(path);
  const table = readToml(bytes, problems) ?? {};
  const patch = new Reader(path, problems).registry(table);
  return {
    patch: { ...patch, origins: new Map(originKeys(patch).map((key) => [key, path])) },
    problems,
  };
}

const ENDPOINT = [
  "capabilities",
  "ca",
  "client",
  "skip_verify",
  "header",
  "override_path",
  "dial_timeout",
  "proxy",
] as const;

const CAPABILITIES: readonly string[] = ["pull", "resolve", "push", "referrers"];
const WITHOUT_ANY: ReadonlySet<Capability> = new Set(["pull", "resolve", "push"]);

class Reader {
  readonly #path: string;
  readonly #problems: ProblemList;

  constructor(path: string, problems: ProblemList) {
    this.#path = path;
    this.#problems = problems;
  }

  registry(table: TomlTable): Omit<RegistryPatch, "origins"> {
    this.#unknown(table, [...ENDPOINT, "server", "host"], []);
    const server = this.#server(table);
    const capabilities = this.#capabilities(table, []);
    if (capabilities !== undefined && !(capabilities.has("pull") && capabilities.has("resolve"))) {
      this.#problems.warning(
        ["capabilities"],
        "the server itself is always asked, whatever it is said to be capable of",
      );
    }
    const mirrors = Object.entries(this.#table(table, "host", [])).flatMap(([url, given]) =>
      this.#mirror(url, given, ["host", url]),
    );
    return {
      ...this.#endpoint(table, []),
      ...present("server", server),
      ...present("http", server === undefined ? undefined : server.protocol === "http:"),
      ...present("capabilities", capabilities),
      ...(mirrors.length > 0 ? { mirrors } : {}),
    };
  }

  #server(table: TomlTable): URL | undefined {
    const text = this.#text(table, "server", []);
    const override = this.#flag(table, "override_path", []) ?? false;
    if (text !== undefined && text !== "") return this.#base(text, override, ["server"]);
    return undefined;
  }

  #mirror(url: string, given: unknown, key: KeyPath): MirrorPatch[] {
    if (!isTable(given)) {
      this.#wrong(key, "a table is needed here");
      return [];
    }
    this.#unknown(given, ENDPOINT, key);
    const base = this.#base(url, this.#flag(given, "override_path", key) ?? false, key);
    if (base === undefined) return [];
    const capabilities = this.#capabilities(given, key) ?? WITHOUT_ANY;
    return [
      {
        ...this.#endpoint(given, key),
        base,
        capabilities,
        trusted: false,
        namespace: true,
        rewrite: undefined,
      },
    ];
  }

  #endpoint(table: TomlTable, key: KeyPath): EndpointPatch {
    return {
      ...present(
        "ca",
        this.#texts(table, "ca", key)?.map((path) => this.#absolute(path)),
      ),
      ...present("client", this.#client(table, key)),
      ...present("skipVerify", this.#flag(table, "skip_verify", key)),
      ...present("headers", this.#headers(table, key)),
      ...present("timeouts", this.#timeouts(table, key)),
      ...present("proxy", this.#proxy(table, key)),
    };
  }

  /** A file with both, a list of those, or a list of pairs; an empty second one is the first. */
  #client(table: TomlTable, key: KeyPath): EndpointPatch["client"] {
    const given = table.client;
    if (given === undefined) return undefined;
    const pairs = typeof given === "string" ? [given] : given;
    if (!Array.isArray(pairs))
      return this.#wrong([...key, "client"], "a path or a list is needed here");
    return pairs.flatMap((pair: unknown, at) => {
      const [cert, secret, ...more] =
        typeof pair === "string" ? [pair, ""] : Array.isArray(pair) ? pair : [];
      if (
        typeof cert !== "string" ||
        cert === "" ||
        typeof secret !== "string" ||
        more.length > 0
      ) {
        this.#wrong([...key, "client", at], "a path or a pair of paths is needed here");
        return [];
      }
      return [{ cert: this.#absolute(cert), key: this.#absolute(secret === "" ? cert : secret) }];
    });
  }

  #headers(table: TomlTable, key: KeyPath): EndpointPatch["headers"] {
    if (table.header === undefined) return undefined;
    const headers: Record<string, string> = {};
    const given = this.#table(table, "header", key);
    for (const name of Object.keys(given)) {
      const at = [...key, "header", name];
      const value = this.#texts(given, name, [...key, "header"])?.join(", ");
      const no = forbiddenHeader(name.toLowerCase());
      if (no !== undefined) this.#problems.error(at, no.why, no.hint);
      else if (!isHeaderName(name)) this.#wrong(at, "a header can't have this name");
      else if (value !== undefined && !isHeaderValue(value)) {
        this.#wrong(at, "a header's value is one line of plain characters");
      } else if (value !== undefined) headers[name.toLowerCase()] = value;
    }
    return headers;
  }

  /** `0s` is Go's word for no limit of its own: then lading's own holds. */
  #timeouts(table: TomlTable, key: KeyPath): EndpointPatch["timeouts"] {
    const text = this.#text(table, "dial_timeout", key);
    if (text === undefined || text === "") return undefined;
    const ms = parseDuration(text);
    if (ms === undefined || ms < 0) {
      return this.#wrong([...key, "dial_timeout"], 'a time is needed here: "5s", "250ms"');
    }
    return ms === 0 ? undefined : { connectMs: Math.min(MAX_MS, Math.max(1, Math.round(ms))) };
  }

  #proxy(table: TomlTable, key: KeyPath): EndpointPatch["proxy"] {
    const text = this.#text(table, "proxy", key);
    if (text === undefined || text === "") return undefined;
    try {
      return parseProxyUrl(text);
    } catch (error) {
      if (!(error instanceof LadingError)) throw error;
      return this.#wrong([...key, "proxy"], error.message);
    }
  }

  #capabilities(table: TomlTable, key: KeyPath): ReadonlySet<Capability> | undefined {
    const given = this.#texts(table, "capabilities", key);
    if (given === undefined || given.length === 0) return undefined;
    const known = new Set<Capability>();
    for (const [at, word] of given.entries()) {
      const capability = word.toLowerCase();
      if (isCapability(capability)) known.add(capability);
      else this.#wrong([...key, "capabilities", at], `known are ${CAPABILITIES.join(", ")}`);
    }
    return known;
  }

  #base(text: string, override: boolean, key: KeyPath): URL | undefined {
    const base = registryBase(text, override);
    return typeof base === "string" ? this.#wrong(key, base) : base;
  }

  #unknown(table: TomlTable, known: readonly string[], key: KeyPath): void {
    for (const name of Object.keys(table)) {
      if (known.includes(name)) continue;
      const near = nearest(name, known);
      const hint = near === undefined ? "" : `; did you mean "${near}"?`;
      this.#problems.warning([...key, name], `"${name}" is not known, and has no effect${hint}`);
    }
  }

  #table(table: TomlTable, name: string, key: KeyPath): TomlTable {
    const value = table[name];
    if (isTable(value)) return value;
    if (value !== undefined) this.#wrong([...key, name], "a table is needed here");
    return {};
  }

  #texts(table: TomlTable, name: string, key: KeyPath): readonly string[] | undefined {
    const value = table[name];
    if (value === undefined) return undefined;
    const list: unknown = typeof value === "string" ? [value] : value;
    if (Array.isArray(list) && list.every((one) => typeof one === "string")) return list;
    return this.#wrong([...key, name], "a text or a list of texts is needed here");
  }

  #text(table: TomlTable, name: string, key: KeyPath): string | undefined {
    const value = table[name];
    if (value === undefined || typeof value === "string") return value;
    return this.#wrong([...key, name], "a text is needed here, in quotes");
  }

  #flag(table: TomlTable, name: string, key: KeyPath): boolean | undefined {
    const value = table[name];
    if (value === undefined || typeof value === "boolean") return value;
    return this.#wrong([...key, name], "true or false is needed here");
  }

  #wrong(key: KeyPath, message: string): undefined {
    this.#problems.error(key, `"${nameOf(key)}": ${message}`);
    return undefined;
  }

  #absolute(path: string): string {
    return isAbsolute(path) ? path : join(dirname(this.#path), path);
  }
}

const MAX_MS = 24 * 3_600_000;

const isCapability = (word: string): word is Capability => CAPABILITIES.includes(word);
