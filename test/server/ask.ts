import { type IncomingHttpHeaders, request } from "node:http";
import type { RunningServer } from "../../src/server/index.ts";

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly bytes: Buffer;
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
        const bytes = Buffer.concat(chunks);
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: bytes.toString(), bytes });
      });
    });
    asked.end();
  });
}

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
