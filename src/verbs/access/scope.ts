import { LadingError } from "../../errors.ts";
import type { KeyScope } from "../../registry/auth/sources/match.ts";
import { parseScope } from "../../registry/auth/sources/scope.ts";

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
