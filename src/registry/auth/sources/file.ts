import { type Clock, systemClock } from "../../../clock.ts";
import { LadingError } from "../../../errors.ts";
import { printable } from "../../http/redact.ts";
import {
  type CredentialOrigin,
  type CredentialRequest,
  type CredentialSource,
  type FoundCredential,
  identityOf,
} from "../credentials.ts";
import { type Choice, choose } from "./choose.ts";
import { canonicalHost } from "./match.ts";
import type { CredentialFile } from "./places.ts";
import { type HelperAnswer, RememberedHelpers } from "./remembered-helpers.ts";
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
    return file && this.#follow(choose(file, request), request.registry, signal);
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
    registry: string,
    signal: AbortSignal | undefined,
  ): Promise<FoundCredential | undefined> {
    if (choice === undefined) return undefined;
    const { path, name } = this.file;
    const { key } = choice;
    if (choice.kind === "entry") {
      return { ...choice.credential, from: { kind: "file", name, path, key } };
    }
    const { credential, server, program } = await this.#ask(choice, registry, signal);
    if (credential === undefined) return this.#follow(choice.otherwise, registry, signal);
    const from: CredentialOrigin = { kind: "helper", name: program, path, key: key ?? server };
    return { ...credential, from };
  }

  /** Whoever reads that a helper failed need not know that there is one, nor who named it. */
  async #ask(
    choice: Extract<Choice, { kind: "helper" }>,
    registry: string,
    signal: AbortSignal | undefined,
  ): Promise<HelperAnswer> {
    try {
      return await this.#helpers.get(choice, signal);
    } catch (error) {
      if (!(error instanceof LadingError) || error.code === "aborted") throw error;
      const { code, message, context, cause, transient } = error;
      const { path } = this.file;
      const hint = [error.hint, wayRound(choice.key, registry)].filter(Boolean).join("; ");
      throw new LadingError(code, message, { ...context, path, cause, transient, hint });
    }
  }
}

/** Which entry named the helper, and how to do without for that registry. */
function wayRound(key: string | undefined, registry: string): string {
  const host = JSON.stringify(printable(key ?? canonicalHost(registry), 80));
  const entry = key === undefined ? "credsStore" : `credHelpers for ${host}`;
  return `it is named by ${entry}; "credHelpers": {${host}: ""} there does without it`;
}
