export interface Timeouts {
  /** Name, connection and TLS together. */
  readonly connectMs: number;
  /** From the request to the last header of the response; a document has twice as long for its body. */
  readonly headersMs: number;
  /** Without a byte of the body; a slow body is not a stalled one. */
  readonly idleMs: number;
}

export const defaultTimeouts: Timeouts = { connectMs: 15_000, headersMs: 60_000, idleMs: 25_000 };
