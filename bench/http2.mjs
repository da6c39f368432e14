// HTTP/2 against HTTP/1.1, each by Node's own client and over TLS: is there something to gain?
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { createSecureServer } from "node:http2";
import { join, resolve } from "node:path";
import { alternate, sh, temporary } from "./measure.mjs";
import { ratio, seconds, table } from "./report.mjs";
import { distant, tcpProxy } from "./tcp-proxy.mjs";

const SMALL = Buffer.alloc(2000, "m");
const CHUNK = Buffer.alloc(2 ** 20, 7);
const LARGE_MIB = 256;

export async function http2({ rounds }) {
  const folder = await temporary();
  const server = await serving(folder);
  const client = resolve("bench/http2-client.mjs");
  const work = [
    ["200 manifests, 16 at a time", 0, "small"],
    ["200 manifests, 16 at a time", 20, "small"],
    [`${LARGE_MIB} MiB in 4 streams`, 0, "large"],
    [`${LARGE_MIB} MiB in 4 streams`, 20, "large"],
  ];
  const rows = [];
  try {
    for (const [what, ms, kind] of work) {
      const distance = distant(ms, 2 ** 20);
      const proxy =
        ms === 0
          ? { address: `127.0.0.1:${server.port}`, close: async () => {} }
          : await tcpProxy(server.port, { ask: distant(ms), pass: distance });
      const version = (number) => ({
        command: () => [process.execPath, client, number, kind, proxy.address],
      });
      const costs = await alternate({ "HTTP/1.1": version("1"), "HTTP/2": version("2") }, rounds);
      await proxy.close();
      for (const [name, { wall, cpu, rss }] of Object.entries(costs)) {
        rows.push([
          ms === 0 ? "loopback" : `${ms} ms`,
          what,
          name,
          seconds(wall),
          seconds(cpu),
          rss.toFixed(0),
          ratio(wall / costs["HTTP/1.1"].wall),
        ]);
      }
    }
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
  return {
    title: "HTTP/2",
    text: "Node's own clients over TLS, each in a process of its own: `node:https` with kept connections, and one session of `node:http2` (4 MiB windows). Through the delaying proxy 1 MiB of a connection may be on its way. What was decided: [docs/decisions/http2.md](docs/decisions/http2.md).",
    table: table(["round trip", "", "", "wall s", "CPU s", "RSS MiB", "wall ÷ HTTP/1.1"], rows),
    goals: [],
  };
}

async function serving(folder) {
  await sh(`openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -days 2 \\
    -keyout ${folder}/key.pem -out ${folder}/cert.pem`);
  const [key, cert] = await Promise.all(
    ["key.pem", "cert.pem"].map((name) => readFile(join(folder, name))),
  );
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
    if (request.url === "/small") response.end(SMALL);
    else void large(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, close: () => server.close() };
}

/** A fourth of the whole. */
async function large(response) {
  for (let sent = 0; sent < LARGE_MIB / 4; sent += 1) {
    if (!response.write(CHUNK)) await once(response, "drain");
  }
  response.end();
}
