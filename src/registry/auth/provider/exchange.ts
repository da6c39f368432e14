import { LadingError } from "../../../errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../oci/json.ts";
import { metadataLimits } from "../../../oci/limits.ts";
import type { HttpResponse } from "../../http/message.ts";
import { redactUrl } from "../../http/redact.ts";
import type { ProviderContext } from "./types.ts";

export interface Exchange {
  /** For messages: "ECR". */
  readonly provider: string;
  /** The registry that it is for. */
  readonly registry: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * POSTs to a cloud for a token. Errors have the cloud's error code and nothing else of its answer: AWS
 * repeats the request that it refuses, session token and all.
 */
export async function exchange(asked: Exchange, context: ProviderContext): Promise<JsonObject> {
  const { registry, url, headers, body } = asked;
  const response = await context.send({
    method: "POST",
    url,
    headers: { accept: "application/json", ...headers },
    body,
    scope: { registry, repository: "", action: "pull" },
    operation: { signal: context.signal },
    note: { role: "provider" },
    priority: "token",
  });
  const document = await read(response);
  if (response.status === 200 && document !== undefined) return document;
  throw refused(asked, response, document);
}

export function form(fields: Readonly<Record<string, string>>): {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  return {
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString(),
  };
}

/** A text of an answer that becomes a password or goes into a form. */
export function tokenIn(document: JsonObject, key: string, asked: Exchange): string {
  const value = document[key];
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  throw noToken(asked);
}

export function noToken({ provider, url }: Exchange): LadingError {
  return new LadingError("malformed", `${url.host} answers without a token for ${provider}`, {
    url: redactUrl(url),
  });
}

async function read(response: HttpResponse): Promise<JsonObject | undefined> {
  const bytes = await response.body.bytes(metadataLimits.token);
  try {
    const document = parseJson(bytes, { what: "answer", maxBytes: metadataLimits.token });
    return isObject(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

function refused(
  { provider, url }: Exchange,
  { status }: HttpResponse,
  document: JsonObject | undefined,
): LadingError {
  const code = codeIn(document);
  const said = `${url.host} gives no token for ${provider}: ${status}${code && ` ${code}`}`;
  const context = { url: redactUrl(url), status };
  if (status === 429) return new LadingError("rate-limited", said, { ...context, transient: true });
  if (status === 200) return new LadingError("malformed", said, context);
  if (status >= 500) return new LadingError("registry-unavailable", said, context);
  return new LadingError("unauthorized", said, {
    ...context,
    hint: "check the variables that docs/credentials.md names for it, or take them away",
  });
}

/** `UnrecognizedClientException` of AWS, `invalid_client` of Azure. */
function codeIn(document: JsonObject | undefined): string {
  const code = document?.__type ?? document?.error;
  const name = typeof code === "string" ? code.replace(/^.*#/, "") : "";
  return /^[A-Za-z_]{1,60}$/.test(name) ? name : "";
}
