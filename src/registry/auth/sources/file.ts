import { type Clock, systemClock } from "../../../clock.ts";
import {
  type CredentialOrigin,
  type CredentialRequest,
  type CredentialSource,
  type FoundCredential,
  identityOf,
} from "../credentials.ts";
import { type Choice, choose } from "./choose.ts";
import type { CredentialFile } from "./places.ts";
import { RememberedHelpers } from "./remembered-helpers.ts";
import { WatchedFile } from "./watched-file.ts";

export interface FileOptions {
  /** For messages. Default: "the credential file". */
  readonly name?: string | undefined;
  /** With the `PATH` on which helpers are looked for. Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * The credentials that a file of docker's format holds or leads to: `auths`, `credHelpers`,
 * `credsStore`. A file that is not there knows none; one that can't be read is an error.
 */
export function fileCredentials(path: string, options: FileOptions = {}): CredentialSource {
  return new FileSource({ path, name: options.name ?? "the credential file" }, options);
}

/** The source behind that, which its owner may tell to look again. */
export class FileSource implements CredentialSource {
  readonly file: CredentialFile;
  readonly #helpers: RememberedHelpers;
  readonly #watched: WatchedFile;

  constructor(file: CredentialFile, options: Omit<FileOptions, "name">) {
    const { environment = process.env, clock = systemClock } = options;
    this.file = file;
    this.#helpers = new RememberedHelpers(environment, clock);
    this.#watched = new WatchedFile(file, clock, () => this.#helpers.clear());
  }

  async get(
    request: CredentialRequest,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<FoundCredential | undefined> {
    const file = await this.#watched.read();
    return file && this.#follow(choose(file, request), signal);
  }

  refused(_request: CredentialRequest, credential: FoundCredential): void {
    this.#watched.lookAgain();
    this.#helpers.refused(identityOf(credential));
  }

  /** Nothing that was read or answered counts any more. */
  clear(): void {
    this.#watched.lookAgain();
    this.#helpers.clear();
  }

  async #follow(
    choice: Choice | undefined,
    signal: AbortSignal | undefined,
  ): Promise<FoundCredential | undefined> {
    if (choice === undefined) return undefined;
    const { path, name } = this.file;
    const { key } = choice;
    if (choice.kind === "entry") {
      return { ...choice.credential, from: { kind: "file", name, path, key } };
    }
    const { credential, server, program } = await this.#helpers.get(choice, signal);
    if (credential === undefined) return this.#follow(choice.otherwise, signal);
    const from: CredentialOrigin = { kind: "helper", name: program, path, key: key ?? server };
    return { ...credential, from };
  }
}
