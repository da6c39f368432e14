import { type IncomingHttpHeaders, request } from "node:http";
import type { RunningServer } from "../../src/server/index.ts";

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request as it stands: no client tidies the path, follows a redirect or adds a header. */
export function ask(
  { port }: Pick<RunningServer, "port">,
  line: string,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const [method, path = "/"] = line.split(" ");
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", method, path, headers, agent: false });
    asked.on("error", reject).on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.end();
  });
}

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
