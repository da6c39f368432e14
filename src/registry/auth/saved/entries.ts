import { isObject, type JsonObject } from "../../../oci/json.ts";
import type { Credential } from "../credentials.ts";
import { formatScope, type KeyScope, parseKey } from "../sources/match.ts";

/** Documents of docker's format with one login changed; all else stays as it was, in its order. */

/** One scope may go by several keys (`docker.io`, `https://index.docker.io/v1/`): one of them stays. */
export function withEntry(
  document: JsonObject,
  scope: KeyScope,
  key: string,
  credential: Credential,
): JsonObject {
  const helpers = without(document.credHelpers, scope);
  // Else the store for everything would be asked first, and might know an older one.
  const aside = typeof document.credsStore === "string" && scope.path === "" ? { [key]: "" } : {};
  return {
    ...document,
    auths: { ...without(document.auths, scope), [key]: entryOf(credential) },
    ...withoutEmpty("credHelpers", { ...helpers, ...aside }, document),
  };
}

export function withHelper(
  document: JsonObject,
  scope: KeyScope,
  key: string,
  helper: string,
): JsonObject {
  return {
    ...document,
    ...withoutEmpty("auths", without(document.auths, scope), document),
    credHelpers: { ...without(document.credHelpers, scope), [key]: helper },
  };
}

/** `undefined`: there was nothing to take out. */
export function withoutScope(document: JsonObject, scope: KeyScope): JsonObject | undefined {
  const changed = ["auths", "credHelpers"].filter((part) =>
    Object.keys(entriesOf(document[part])).some((key) => isFor(key, scope)),
  );
  if (changed.length === 0) return undefined;
  const parts = changed.map((part) => [part, without(document[part], scope)]);
  return { ...document, ...Object.fromEntries(parts) };
}

function withoutEmpty(part: string, entries: JsonObject, document: JsonObject): JsonObject {
  return Object.keys(entries).length > 0 || part in document ? { [part]: entries } : {};
}

function without(value: JsonObject[string] | undefined, scope: KeyScope): JsonObject {
  return Object.fromEntries(Object.entries(entriesOf(value)).filter(([key]) => !isFor(key, scope)));
}

function isFor(key: string, scope: KeyScope): boolean {
  return formatScope(parseKey(key)) === formatScope(scope);
}

function entriesOf(value: JsonObject[string] | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** As docker writes it. */
function entryOf(credential: Credential): JsonObject {
  const encoded = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  switch (credential.kind) {
    case "basic":
      return { auth: encoded(`${credential.username}:${credential.password}`) };
    case "identity":
      return { auth: encoded(`${NO_USER}:`), identitytoken: credential.token };
    case "token":
      return { registrytoken: credential.token };
  }
}

/** docker wants a user beside an identity token, whoever it is; this is the one that it makes up. */
const NO_USER = "00000000-0000-0000-0000-000000000000";
