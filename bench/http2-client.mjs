// One client of one kind: http2-client.mjs 1|2 small|large HOST:PORT
import { connect } from "node:http2";
import { Agent, get } from "node:https";

const [version, kind, address] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, scheduling: "lifo" });
const WINDOW = 4 * 2 ** 20;

function one(path) {
  return new Promise((resolve, reject) => {
    get(`https://${address}${path}`, { agent }, (response) => {
      response
        .on("data", () => {})
        .on("end", resolve)
        .on("error", reject);
    }).on("error", reject);
  });
}

async function two() {
  const session = connect(`https://${address}`, {
    rejectUnauthorized: false,
    settings: { initialWindowSize: WINDOW },
  });
  await new Promise((resolve, reject) => session.once("connect", resolve).once("error", reject));
  session.setLocalWindowSize(4 * WINDOW);
  const ask = (path) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":path": path });
      stream
        .on("data", () => {})
        .on("end", resolve)
        .on("error", reject);
    });
  return { ask, close: () => session.destroy() };
}

const { ask, close } = version === "2" ? await two() : { ask: one, close: () => agent.destroy() };
if (kind === "small") {
  let left = 200;
  const worker = async () => {
    while (left-- > 0) await ask("/small");
  };
  await Promise.all(Array.from({ length: 16 }, worker));
} else await Promise.all(Array.from({ length: 4 }, () => ask("/large")));
close();
