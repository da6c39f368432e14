import { readDocument } from "../../../disk/document.ts";
import { LadingError } from "../../../errors.ts";
import { type AuthFile, MAX_AUTH_FILE_BYTES, parseAuthFile } from "../sources/parse-file.ts";

/** A credential file as it is now; `undefined` when it is not there. */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  const bytes = await readDocument(path, MAX_AUTH_FILE_BYTES);
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return parseAuthFile(bytes, "credential file");
  } catch (error) {
    throw error instanceof LadingError ? error.with({ path }) : error;
  }
}
