import type { ServerResponse } from "node:http";

/** An error as the distribution spec writes it. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
): void {
  const body = Buffer.from(JSON.stringify({ errors: [{ code, message }] }));
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
  // Node leaves the body out by itself where the request was a HEAD.
  response.end(body);
}
