import { Socket } from "node:net";

/** In place of a connection that no test may make: it fails at once, and nothing leaves the machine. */
export function refusedSocket(): Socket {
  const socket = new Socket();
  const refused = Object.assign(new Error("not in this test"), { code: "ECONNREFUSED" });
  setImmediate(() => socket.destroy(refused));
  return socket;
}
