import { stat } from "node:fs/promises";
import type { Clock } from "../../../clock.ts";
import { errno } from "../../../disk/disk-error.ts";
import { readDocument } from "../../../disk/document.ts";
import { LadingError } from "../../../errors.ts";
import { type AuthFile, MAX_AUTH_FILE_BYTES, parseAuthFile } from "./parse-file.ts";
import type { CredentialFile } from "./places.ts";

/** How often a process that lives long looks whether a file was changed: Kubernetes rotates secrets. */
const LOOK_EVERY_MS = 1_000;

/** A credential file, read when first asked for and again when it was changed. */
export class WatchedFile {
  readonly #file: CredentialFile;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #looked = 0;
  #current: Promise<AuthFile | undefined> | undefined;
  #known: { readonly version: string; readonly file: AuthFile | undefined } | undefined;

  constructor(file: CredentialFile, clock: Clock, onChange: () => void) {
    this.#file = file;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** `undefined`: there is no such file, or there is nothing in it. */
  read(): Promise<AuthFile | undefined> {
    const now = this.#clock.now();
    if (this.#current !== undefined && Math.abs(now - this.#looked) < LOOK_EVERY_MS) {
      return this.#current;
    }
    this.#looked = now;
    const looking = this.#look();
    this.#current = looking;
    looking.catch(() => {
      if (this.#current === looking) this.#current = undefined;
    });
    return looking;
  }

  /** The next who reads looks at the file, however short a time ago that was done. */
  lookAgain(): void {
    this.#current = undefined;
  }

  async #look(): Promise<AuthFile | undefined> {
    const { path, name, mustExist } = this.#file;
    // Before it is read: should it change in between, the next look finds another version.
    const version = await versionOf(path);
    if (version === this.#known?.version) return this.#known.file;
    const bytes = await readDocument(path, MAX_AUTH_FILE_BYTES).catch((error: unknown) => {
      throw error instanceof LadingError ? unreadable(error, this.#file) : error;
    });
    if (bytes === undefined && mustExist) throw missing(this.#file);
    // docker takes an empty one for one without entries; who names a file means that it has some.
    const empty = bytes === undefined || (bytes.length === 0 && !mustExist);
    const file = empty ? undefined : parsed(bytes, name, path);
    if (this.#known !== undefined) this.#onChange();
    this.#known = { version, file };
    return file;
  }
}

async function versionOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return errno(error) ?? "unknown";
  }
}

function parsed(bytes: Uint8Array, name: string, path: string): AuthFile {
  try {
    return parseAuthFile(bytes, name);
  } catch (error) {
    throw error instanceof LadingError ? error.with({ path }) : error;
  }
}

function unreadable({ message }: LadingError, { name, path }: CredentialFile): LadingError {
  return new LadingError(
    "usage",
    `${name} can't be read, so neither can its credentials: ${message}`,
    {
      path,
      hint: "mend the file, or name another one with --authfile",
    },
  );
}

function missing({ name, path }: CredentialFile): LadingError {
  return new LadingError("usage", `${name} is not there`, {
    path,
    hint: "check --authfile; lading login --authfile makes the file",
  });
}
