import type { Credential } from "./credentials.ts";

/** RFC 7617; UTF-8, as registries expect it. */
export function basicAuthorization(credential: Extract<Credential, { kind: "basic" }>): string {
  const pair = `${credential.username}:${credential.password}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}
