/**
 * A URL that may be shown: no user, no password, and of the query only the names. Signed URLs of blob
 * stores carry their authority in the query (containerd 7b11d6ca, GHSA-5jhf-2qmf-m8c5).
 */
export function redactUrl(url: URL): string {
  const names = [...url.searchParams.keys()].map((name) => `${encodeURIComponent(name)}=…`);
  const query = names.length > 0 ? `?${names.join("&")}` : "";
  return `${url.protocol}//${url.host}${url.pathname}${query}`;
}

/** Text of the other side's, fit to be shown: one line, no control characters, not too long. */
export function printable(text: string, maxLength = 300): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]+/gu, " ").trim();
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}

/** Takes out what looks like a secret: tokens, passwords, signatures, whole URLs' queries. */
export function redactText(text: string): string {
  return text
    .replace(/([?&][^=&\s"]{1,64}=)[^&\s"]+/g, "$1…")
    .replace(/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+/gi, "$1 …")
    .replace(
      /(\\?"?(?:access_?token|refresh_?token|identity_?token|id_?token|token|password|secret)\\?"?\s*[:=]\s*\\?"?)[^"\\\s,&}]+/gi,
      "$1…",
    );
}
