import { LadingError } from "../../../errors.ts";
import { parseReference } from "../../../oci/reference.ts";
import { canonicalHost, type KeyScope } from "./match.ts";

/**
 * Parses what a person names to log in to, `host[:port][/path]`: stricter than a key in a file, since a
 * slip here would send a password elsewhere, or nowhere.
 */
export function parseScope(text: string, where: string): KeyScope {
  const bare = text.replace(/^https?:\/\//i, "").replace(/\/+$/, "");
  const slash = bare.indexOf("/");
  const host = slash < 0 ? bare : bare.slice(0, slash);
  const rest = slash < 0 ? "" : bare.slice(slash + 1);
  const path = rest === "v1" || rest === "v2" ? "" : rest;
  // A host alone is checked with a repository behind it, in a form that can only be read as a host's.
  const named = /[.:]/.test(host) || host === "localhost" ? host : `${host}:1`;
  const reference = quietly(() => parseReference(`${named}/${path === "" ? "x" : path}@${ANY}`));
  if (reference === undefined || reference.tag !== undefined) {
    throw new LadingError("usage", `${where} is not a registry with an optional path`, {
      hint: "write it as host[:port][/path]: ghcr.io, ghcr.io/org, localhost:5000",
    });
  }
  if (named !== host && host === host.toLowerCase()) {
    throw new LadingError("usage", `${where} names no registry: a host of one word has a port`, {
      hint: `${host}/app in a reference means docker.io/${host}/app`,
    });
  }
  return { registry: canonicalHost(host), path };
}

const ANY = `sha256:${"0".repeat(64)}`;

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
