import type { HttpResponse } from "../../src/registry/http/message.ts";

/** An answer without a body, for steps that look at no more than its head. */
export function emptyResponse(
  url: string,
  status: number,
  headers: Record<string, string> = {},
): HttpResponse {
  const from = new URL(url);
  const body = {
    read: async () => {},
    bytes: async () => new Uint8Array(),
    cancel() {},
    onEnd() {},
  };
  return { status, headers, url: from, asked: from, peer: "public", body };
}
