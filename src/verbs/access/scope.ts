import { LadingError } from "../../errors.ts";
import { parseReference } from "../../oci/reference.ts";
import type { KeyScope } from "../../registry/auth/sources/match.ts";
import { parseScope } from "../../registry/auth/sources/scope.ts";
import { isHostAlone } from "./host-alone.ts";

/**
 * Parses what somebody logs in to: `ghcr.io`, `ghcr.io/org`. A single word names no registry in a
 * reference, so nobody would ever ask for what is saved under it.
 */
export function loginScope(text: string): KeyScope {
  const shown = JSON.stringify(text);
  const place = parseScope(text, shown);
  if (/[.:]/.test(place.registry) || place.registry === "localhost") return place;
  throw new LadingError("usage", `${shown} names no registry`, {
    hint: `${text} in a reference means docker.io/${text}; a host of one word is written with its port`,
  });
}

/**
 * Parses whose credentials are meant: what one logs in to, or a reference to something on it. A host
 * alone is the registry, which no reference can name.
 */
export function credentialScope(text: string): KeyScope {
  if (isHostAlone(text) || SCOPE_ALONE.test(text)) return loginScope(text);
  const { registry, repository } = parseReference(text);
  return { registry, path: repository };
}

/** What a reference never is: `https://ghcr.io`, `ghcr.io/`. */
const SCOPE_ALONE = /^https?:\/\/|\/$/i;
