import type { Socket } from "node:net";
import type { Lookup } from "./lookup.ts";

/** How connections are made, passed in: a test sees each attempt, or prevents it. */
export interface Transport {
  /** In place of the system's resolver. */
  readonly lookup?: Lookup;
  /** In place of a TCP connection to an address that was resolved and allowed. */
  readonly connect?: (target: { readonly address: string; readonly port: number }) => Socket;
  /** Certificates to trust in place of the system's, PEM. */
  readonly ca?: string | readonly string[] | undefined;
}
