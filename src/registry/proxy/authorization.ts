import type { ProxyUrl } from "../settings/types.ts";

/** Who one is to the proxy, by its URL; for the proxy alone. */
export function proxyAuthorization({
  username,
  password,
}: ProxyUrl): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair, "utf8").toString("base64")}` };
}

/** A stray percent sign stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
