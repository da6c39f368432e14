// A TCP proxy on loopback that does to each connection what a distance or a provider does.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** `pass(from, to)` moves what the server says to the client; what the client says goes on by `ask`. */
export async function tcpProxy(port, { pass, ask = (from, to) => from.pipe(to) }) {
  const sockets = new Set();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    ask(client, upstream);
    pass(upstream, client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${server.address().port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * Bytes arrive half a round trip later, and at most a window of them is on its way: what was sent and
 * not yet acknowledged, which takes the other half.
 */
export function distant(roundTripMs, window = Number.POSITIVE_INFINITY) {
  return (from, to) => {
    let flying = 0;
    from.on("data", (bytes) => {
      flying += bytes.length;
      if (flying >= window) from.pause();
      setTimeout(() => to.write(bytes), roundTripMs / 2);
      setTimeout(() => {
        flying -= bytes.length;
        if (flying < window) from.resume();
      }, roundTripMs);
    });
    from.on("end", () => setTimeout(() => to.end(), roundTripMs / 2));
  };
}
