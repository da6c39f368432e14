import { LadingError } from "../../errors.ts";
import type { HttpRequest } from "../http/message.ts";
import { redactUrl } from "../http/redact.ts";
import type { Challenge } from "./challenge.ts";

/** Where a token for a request comes from. */
export interface TokenServer {
  readonly realm: URL;
  readonly service: string;
  readonly scope: string;
}

/**
 * Who to ask for a token, as a challenge says. The realm is refused unless it is https, or http for a
 * registry that is spoken to in http; its address is checked when it is connected to.
 */
export function tokenServer(challenge: Challenge, request: HttpRequest): TokenServer {
  const { realm = "", service = "", scope } = challenge.params;
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const { repository, action } = request.scope;
  if (url === undefined || url.username !== "" || url.password !== "") throw badRealm(request.url);
  const allowed = url.protocol === "https:" || url.protocol === request.url.protocol;
  if (!allowed || !/^https?:$/.test(url.protocol)) throw openRealm(url);
  const actions = action === "push" ? "pull,push" : "pull";
  // Of the registry as a whole (login) nothing needs to be allowed but to come in.
  const own = repository === "" ? "" : `repository:${repository}:${actions}`;
  return { realm: url, service, scope: scope || own };
}

function badRealm(registry: URL): LadingError {
  return new LadingError(
    "malformed",
    `${registry.host} names a token server that is no web address`,
    {
      url: redactUrl(registry),
    },
  );
}

function openRealm(realm: URL): LadingError {
  return new LadingError("refused", `the token server ${realm.host} is not spoken to in http`, {
    url: redactUrl(realm),
    hint: "credentials would pass in the open; a token server is https unless its registry is http",
  });
}
