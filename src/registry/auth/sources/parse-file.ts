import { LadingError } from "../../../errors.ts";
import { optionalObject, optionalString, optionalStringMap } from "../../../oci/fields.ts";
import { isObject, type JsonObject, parseJson } from "../../../oci/json.ts";
import { printable, redactText } from "../../http/redact.ts";
import type { Credential } from "../credentials.ts";

/** As much as a secret of Kubernetes holds. */
export const MAX_AUTH_FILE_BYTES: number = 1024 * 1024;

/** What docker's `config.json` and Podman's `auth.json` say about credentials. */
export interface AuthFile {
  /** Only entries that hold a secret. */
  readonly auths: ReadonlyMap<string, Credential>;
  /** Names of helpers by key; "" switches every helper off for that key. */
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string | undefined;
}

/**
 * Parses such a file. What can't be read is an error, never "no credentials"; the error repeats nothing
 * of the file, and so has no cause: JSON's own messages quote the text around a fault.
 */
export function parseAuthFile(bytes: Uint8Array, what: string): AuthFile {
  return withoutQuotes(what, () => {
    const document = parseJson(bytes, { what, maxBytes: MAX_AUTH_FILE_BYTES });
    if (!isObject(document)) throw new LadingError("malformed", `the ${what} is not an object`);
    return readAuthFile(document);
  });
}

function readAuthFile(document: JsonObject): AuthFile {
  const auths = new Map<string, Credential>();
  for (const [key, entry] of Object.entries(optionalObject(document, "auths", ROOT) ?? {})) {
    if (!isObject(entry))
      throw new LadingError("malformed", 'an entry of "auths" is not an object');
    const credential = credentialIn(entry, key);
    if (credential !== undefined) auths.set(key, credential);
  }
  const credHelpers = optionalStringMap(document, "credHelpers", ROOT) ?? {};
  return {
    auths,
    credHelpers: new Map(Object.entries(credHelpers)),
    credsStore: optionalString(document, "credsStore", ROOT) || undefined,
  };
}

const ROOT = "the document";

/** docker's own order: a registry token, an identity token, then user and password, of which `auth` wins. */
function credentialIn(entry: JsonObject, key: string): Credential | undefined {
  const where = 'an entry of "auths"';
  const registryToken = optionalString(entry, "registrytoken", where);
  if (registryToken) return { kind: "token", token: headerToken(registryToken) };
  const identityToken = optionalString(entry, "identitytoken", where);
  if (identityToken) return { kind: "identity", token: headerToken(identityToken) };
  const auth = optionalString(entry, "auth", where);
  if (auth) return accountIn(auth, key);
  const username = optionalString(entry, "username", where);
  const password = optionalString(entry, "password", where) ?? "";
  return username ? { kind: "basic", username, password } : undefined;
}

/** Never "no entry": then the account of some other file would be sent in its place. */
function accountIn(auth: string, key: string): Credential {
  const text = auth.replace(/[\r\n]/g, "");
  const decoded = BASE64.test(text) ? Buffer.from(text, "base64").toString("utf8") : "";
  const colon = decoded.indexOf(":");
  if (colon < 1) {
    const shown = JSON.stringify(printable(redactText(key), 80));
    throw new LadingError("malformed", `"auth" of ${shown} is not base64 of user:password`);
  }
  const password = decoded.slice(colon + 1).replace(/\0+$/, "");
  return { kind: "basic", username: decoded.slice(0, colon), password };
}

/** Kubernetes takes it without padding too. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A token goes into a header or a form: nothing but what a header can hold. */
function headerToken(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new LadingError("malformed", 'a token in "auths" has characters that no token has');
}

function withoutQuotes<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
    throw new LadingError(
      "usage",
      `no credentials can be read from the ${what}: ${error.message}`,
      {
        hint: "mend it or take it away; lading does not go on without the credentials that it may hold",
      },
    );
  }
}
