import { LadingError } from "../../errors.ts";
import { redactUrl } from "./redact.ts";

/** The cause of an error that came before the two sides had agreed on TLS. */
export class NotSecured extends Error {
  override readonly name = "NotSecured";

  constructor(cause: Error) {
    super("before TLS was agreed on", { cause });
  }
}

/** What failed below HTTP, as one error that says where and what to do. */
export function networkError(error: Error, url: URL, connected: boolean): LadingError {
  if (error instanceof LadingError) return error;
  const code = "code" in error ? String(error.code) : "";
  const secure = url.protocol === "https:";
  const [why, hint] = failureReason(error, secure);
  const permanent = NO_SUCH_NAME.has(code) || (secure && tlsReason(code, error) !== undefined);
  return new LadingError("network", `${url.host}: ${why}`, {
    url: redactUrl(url),
    cause: secure && !connected ? new NotSecured(error) : error,
    transient: !permanent,
    hint,
  });
}

/** Asked again, a resolver says the same. */
const NO_SUCH_NAME: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"]);

/** What went wrong, for people, and what to do about it. */
export function failureReason(error: Error, secure: boolean): Reason {
  const code = "code" in error ? String(error.code) : "";
  return REASONS[code] ?? (secure ? tlsReason(code, error) : undefined) ?? [code || "failed"];
}

/** Whether an error says that the other side does not speak TLS: not that it does, with something amiss. */
export function speaksNoTls(error: unknown): boolean {
  return hungUp(error) || NOT_TLS.test(beforeTls(error)?.message ?? "");
}

/** Whether the other side went away before there was TLS: one that speaks none does so, and one that starts again. */
export function hungUp(error: unknown): boolean {
  const cause = beforeTls(error);
  return cause !== undefined && "code" in cause && /^(ECONNRESET|EPIPE)$/.test(String(cause.code));
}

/** Whether an error says that the other side speaks TLS, with a certificate of nobody that is trusted. */
export function isUntrusted(error: unknown): boolean {
  const cause = beforeTls(error);
  return cause !== undefined && "code" in cause && CERTIFICATE.test(String(cause.code));
}

/** What went wrong before the two sides had agreed on TLS. */
function beforeTls(error: unknown): Error | undefined {
  if (!(error instanceof LadingError) || !(error.cause instanceof NotSecured)) return undefined;
  const { cause } = error.cause;
  return cause instanceof Error ? cause : undefined;
}

/** What OpenSSL says of bytes that are no TLS record. */
const NOT_TLS = /wrong version number|packet length too long|http request|unknown protocol/;

type Reason = readonly [why: string, hint?: string];

const REASONS: Readonly<Record<string, Reason>> = {
  ENOTFOUND: ["the name does not resolve", "check the spelling of the registry and the network"],
  EAI_AGAIN: ["the name could not be resolved just now", "check the network's DNS"],
  ENODATA: ["the name has no address", "check the spelling of the registry and the network"],
  ESERVFAIL: ["the name could not be resolved just now", "check the network's DNS"],
  ETIMEOUT: ["the name could not be resolved in time", "check the network's DNS"],
  ECONNREFUSED: ["nothing listens there", "check host and port"],
  ECONNRESET: ["the connection was reset"],
  EPIPE: ["the connection was closed"],
  ETIMEDOUT: ["the connection timed out"],
  EHOSTUNREACH: ["the host can't be reached"],
  ENETUNREACH: ["the network can't be reached"],
  HPE_HEADER_OVERFLOW: ["its headers are larger than 64 KiB"],
};

function tlsReason(code: string, { message }: Error): Reason | undefined {
  if (NOT_TLS.test(message)) {
    return ["it does not speak TLS", "speak http to it, if you trust the network: --plain-http"];
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return [
      `its certificate ${code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet"}`,
      "renew it; or is this machine's clock wrong?",
    ];
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return ["its certificate is for another host", "ask for it by a name that the certificate has"];
  }
  if (CERTIFICATE.test(code)) {
    return [
      `its certificate is not trusted here (${code})`,
      "trust the authority that signed it: ca in lading.toml, for this registry; or SSL_CERT_FILE=FILE.pem, in place of the system's authorities",
    ];
  }
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/.test(code)) {
    return [
      "it refuses the TLS connection",
      "it may want a client certificate, or another one: client in lading.toml, for this registry",
    ];
  }
  if (/^(ERR_TLS|ERR_SSL|EPROTO)/.test(code)) {
    return ["TLS failed", "the two sides agree on no version or cipher, or it wants a certificate"];
  }
  return undefined;
}

const CERTIFICATE =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_)/;
