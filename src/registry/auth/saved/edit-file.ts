import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, systemClock } from "../../../clock.ts";
import { errno } from "../../../disk/disk-error.ts";
import { readDocument } from "../../../disk/document.ts";
import { makeFolder } from "../../../disk/folder.ts";
import { acquireLock } from "../../../disk/lock.ts";
import { replaceFile } from "../../../disk/publish.ts";
import { LadingError } from "../../../errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../oci/json.ts";
import { MAX_AUTH_FILE_BYTES, parseAuthFile } from "../sources/parse-file.ts";
import { configHome } from "../sources/places.ts";

export interface EditOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Changes a credential file as a whole, one process at a time: what lading does not know is kept, the
 * file is only its owner's (0600), and one that can't be read is left alone. A link is written where it
 * leads.
 */
export async function editAuthFile(
  path: string,
  change: (document: JsonObject) => JsonObject | undefined,
  options: EditOptions,
): Promise<void> {
  const target = await followed(path);
  const { clock = systemClock, signal } = options;
  const lock = await acquireLock(await lockOf(target, options), "exclusive", {
    clock,
    signal,
    timeoutMs: LOCK_TIMEOUT_MS,
  });
  try {
    const changed = change(await read(target));
    if (changed === undefined) return;
    await makeFolder(dirname(target));
    const text = `${JSON.stringify(changed, undefined, "\t")}\n`;
    await replaceFile(target, Buffer.from(text), "writing a credential file");
  } finally {
    lock.release();
  }
}

/** Two people's edits last milliseconds. */
const LOCK_TIMEOUT_MS = 10_000;

async function read(path: string): Promise<JsonObject> {
  const bytes = await readDocument(path, MAX_AUTH_FILE_BYTES);
  // docker takes an empty file for one without entries, and so do people who make it by `touch`.
  if (bytes === undefined || bytes.length === 0) return {};
  try {
    parseAuthFile(bytes, "credential file");
    const document = parseJson(bytes, { what: "credential file", maxBytes: MAX_AUTH_FILE_BYTES });
    return isObject(document) ? document : {};
  } catch (error) {
    throw error instanceof LadingError ? error.with({ path }) : error;
  }
}

/** Where it leads, also when nothing is there yet. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errno(error) === "ENOENT") return path;
    throw error;
  }
}

/** Beside lading's own settings, since a lock in docker's folder would be in its way. */
async function lockOf(target: string, { environment }: EditOptions): Promise<string> {
  const folder = join(configHome(environment), "lading/lock");
  await makeFolder(folder);
  return join(folder, createHash("sha256").update(target).digest("hex").slice(0, 16));
}
