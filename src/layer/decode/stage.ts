/** Takes a stream in pieces of any size, at once and without waiting. */
export interface Stage {
  push(bytes: Uint8Array): void;
  /** Nothing more comes; a stream that isn't whole is an error. */
  end(): void;
  /** Gives back what the garbage collector doesn't know of; harmless when repeated. */
  close(): void;
}

/** Takes what was decoded. The buffer is used again once it returns. */
export type Sink = (bytes: Uint8Array) => void;

/** Bytes of output at a time: fewer calls than with Node's 16 KiB, and still inside the processor's cache. */
export const OUTPUT_SIZE: number = 256 * 1024;
