import type { LookupAddress } from "node:dns";
import { connect, type Socket } from "node:net";
import type { Transport } from "../../src/registry/connections/transport.ts";
import { refusedSocket } from "../registry/refused-socket.ts";
import { ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { faultRig, noRetry, type Rig } from "./rig.ts";

/** A registry with a public address that asks for a token; every connection attempt is recorded. */
export async function publicRig(
  realm: string,
  attempted: string[],
  trustHosts: string[] = [],
): Promise<Rig> {
  const registry = await ScriptedRegistry.start();
  registry.on(/./, status(401, { "www-authenticate": `Bearer realm="${realm}"` }), 99);
  const transport: Transport = {
    lookup: async (hostname) => NAMES[hostname] ?? [],
    connect({ address }): Socket {
      attempted.push(address);
      if (address === "93.184.216.34") return connect(registry.port, "127.0.0.1");
      return refusedSocket();
    },
  };
  const plainHttp = ["registry.example"];
  const rig = await faultRig({ transport, plainHttp, trustHosts, retry: noRetry });
  return {
    ...rig,
    registry,
    [Symbol.asyncDispose]: async () => {
      await rig[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

const NAMES: Record<string, LookupAddress[]> = {
  "registry.example": [{ address: "93.184.216.34", family: 4 }],
  "auth.example": [{ address: "93.184.216.35", family: 4 }],
  "proxied.example": [{ address: "198.18.0.7", family: 4 }],
  "inside.example": [{ address: "10.1.2.3", family: 4 }],
  "meta.example": [{ address: "169.254.169.254", family: 4 }],
};
