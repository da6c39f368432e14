import { homedir } from "node:os";
import { join } from "node:path";
import { isLoopback } from "../http/address.ts";
import { systemRoots } from "../tls/system-roots.ts";
import { type CertsRoot, hostFolder } from "./folders/host-folders.ts";
import { type FolderSettings, readFolder, readRoots } from "./folders/read-folders.ts";
import { hostSettings, serverBase, under } from "./host-settings.ts";
import { type MainSettings, readMainFiles } from "./main-files.ts";
import { Memo } from "./memo.ts";
import {
  type EndpointPatch,
  endpointSettings,
  mergeRegistry,
  type RegistryPatch,
} from "./patch.ts";
import { type SettingsPlaces, settingsPlaces } from "./places.ts";
import type { PlainSettings } from "./plain.ts";
import type { ProblemList, SettingsProblem } from "./problem.ts";
import type { EndpointSettings, HostSettings, SettingsSource } from "./types.ts";

export interface LoadOptions extends PlainSettings {
  /** A settings file in place of the usual ones; `false`: no file of any kind is read. */
  readonly config?: string | false | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly home?: string | undefined;
  readonly uid?: number | undefined;
  /** `/etc`, but for tests. */
  readonly etc?: string | undefined;
  /** Hears of what has no effect; what is wrong is thrown. */
  readonly onProblem?: ((problem: SettingsProblem) => void) | undefined;
}

/** Settings out of lading.toml, hosts.toml and folders of certificates; each is read when first needed. */
export function loadSettings(options: LoadOptions = {}): SettingsSource {
  return new LoadedSettings(options);
}

/** The places of this process, or of the one that the options describe. */
export function placesOf(options: LoadOptions): SettingsPlaces {
  return settingsPlaces({
    config: options.config,
    environment: options.environment ?? process.env,
    home: options.home ?? options.environment?.HOME ?? homedir(),
    uid: options.uid ?? process.getuid?.(),
    etc: options.etc ?? "/etc",
  });
}

const NOTHING: RegistryPatch = { origins: new Map() };

class LoadedSettings implements SettingsSource {
  readonly #options: LoadOptions;
  readonly #plainHttp: ReadonlySet<string>;
  readonly #hosts = new Memo<HostSettings>();
  readonly #origins = new Memo<EndpointSettings>();
  readonly #folders = new Memo<FolderSettings>();
  readonly #mains = new Memo<MainSettings>();
  readonly #listings = new Memo<readonly CertsRoot[]>();
  readonly #authorities = new Memo<readonly string[] | undefined>();
  /** What was said of the registries that were asked for. */
  readonly #asked = new Map<string, RegistryPatch>();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#plainHttp = new Set(options.plainHttp);
  }

  forRegistry(registry: string): Promise<HostSettings> {
    return this.#hosts.get(registry, async () => {
      const { defaults } = await this.#main();
      const patch = await this.#patch(registry, false);
      const plainHttp = this.#plainHttp.has(registry);
      const bases = [
        serverBase(registry, patch, plainHttp),
        ...(patch.mirrors ?? []).map(({ base }) => base),
      ];
      const own = new Map<string, EndpointPatch>();
      for (const base of bases) own.set(base.origin, await this.#own(base, registry));
      this.#asked.set(registry, patch);
      this.#origins.clear();
      return hostSettings(registry, patch, {
        defaults,
        plainHttp,
        trustHosts: this.#options.trustHosts ?? [],
        own: ({ origin }) => own.get(origin) ?? {},
      });
    });
  }

  forOrigin(origin: string): Promise<EndpointSettings> {
    return this.#origins.get(origin, () => this.#forOrigin(new URL(origin)));
  }

  roots(): Promise<readonly string[] | undefined> {
    return this.#authorities.get("", async () => {
      const { defaults } = await this.#main();
      if (defaults.systemRoots === false) return undefined;
      return systemRoots(this.#options.environment ?? process.env);
    });
  }

  /** What is said of it as a mirror or a server, in the order of the files, then its own entry. */
  async #forOrigin(url: URL): Promise<EndpointSettings> {
    const { defaults, registries } = await this.#main();
    let said: EndpointPatch = {};
    let onlyMirror = false;
    for (const [registry, patch] of [...registries, ...this.#asked]) {
      const plainHttp = this.#plainHttp.has(registry) || patch.http === true;
      for (const mirror of patch.mirrors ?? []) {
        if (mirror.base.origin !== url.origin) continue;
        onlyMirror = true;
        said = under(said, mirror);
      }
      if (!sameEndpoint(serverBase(registry, patch, plainHttp), url)) continue;
      onlyMirror = false;
      said = under(said, patch);
    }
    const whole = under(said, await this.#own(url, undefined));
    return endpointSettings(whole, onlyMirror ? { ...defaults, timeouts: {} } : defaults);
  }

  /** What the entry of an origin's own name says, if that is where the entry leads. */
  async #own(base: URL, except: string | undefined): Promise<EndpointPatch> {
    for (const name of namesOf(base).filter((one) => one !== except)) {
      const patch = await this.#patch(name, true);
      const plainHttp = this.#plainHttp.has(name) || patch.http === true;
      if (patch.origins.size > 0 && sameEndpoint(serverBase(name, patch, plainHttp), base))
        return patch;
    }
    return {};
  }

  async #patch(registry: string, exact: boolean): Promise<RegistryPatch> {
    const { registries } = await this.#main();
    const folder = hostFolder(await this.#roots(), registry);
    const found =
      folder !== undefined && (folder.exact || !exact) ? join(folder.root, folder.name) : undefined;
    const lower = found === undefined ? NOTHING : (await this.#folder(found)).patch;
    const name = registry.toLowerCase();
    const upper = registries.get(name) ?? registries.get(name.replace(/:443$/, "")) ?? NOTHING;
    return mergeRegistry(registry, lower, upper);
  }

  #main(): Promise<MainSettings> {
    return this.#mains.get("", async () => {
      const main = await readMainFiles(placesOf(this.#options).files);
      for (const problems of main.problems) this.#tell(problems);
      return main;
    });
  }

  #roots(): Promise<readonly CertsRoot[]> {
    return this.#listings.get("", async () => {
      const { certsD } = (await this.#main()).defaults;
      const usual = placesOf(this.#options).certsD;
      const { roots, problems } = await readRoots(certsD ?? usual);
      for (const list of problems) this.#tell(list);
      return roots;
    });
  }

  #folder(path: string): Promise<FolderSettings> {
    return this.#folders.get(path, async () => {
      const folder = await readFolder(path);
      this.#tell(folder.problems);
      return folder;
    });
  }

  #tell(problems: ProblemList): void {
    problems.throwFirst();
    for (const problem of problems.found) this.#options.onProblem?.(problem);
  }
}

/** A registry of this machine is spoken to in http if it speaks no TLS, and is the same one then. */
function sameEndpoint(server: URL, url: URL): boolean {
  return server.origin === url.origin || (isLoopback(url.hostname) && server.host === url.host);
}

/** What a registry at that address may be called by references and files. */
function namesOf({ host, port, protocol }: URL): readonly string[] {
  if (host === "registry-1.docker.io") return ["docker.io", host];
  return port === "" ? [host, `${host}:${protocol === "https:" ? 443 : 80}`] : [host];
}
