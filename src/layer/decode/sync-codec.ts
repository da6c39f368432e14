import { OUTPUT_SIZE, type Sink } from "./stage.ts";

/** One of Node's own codecs, called as a function and not as a stream. */
export interface SyncCodec {
  /** Runs until the bytes are used up or the codec takes no more; returns how far it came. */
  write(bytes: Uint8Array, start: number, end: number): number;
  /** Says that nothing comes any more, which the codec refuses if it waits for more. */
  finish(): void;
  reset(): void;
  close(): void;
}

/** What Node's codec says of its input. */
export class CodecError extends Error {
  override readonly name = "CodecError";
  readonly truncated: boolean;

  constructor(message: string, truncated: boolean) {
    super(message);
    this.truncated = truncated;
  }
}

/** The part of a stream of node:zlib that does the work; its own `*Sync` functions use it as we do. */
interface Inside {
  readonly _handle: {
    onerror: (message: string, errno: number, code: string) => void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void;
  };
  /** What is left of the output's and of the input's length. */
  readonly _writeState: Uint32Array;
  reset(): void;
  close(): void;
}

/** Throws where Node's streams no longer look like this inside. */
export function syncCodec(
  stream: object,
  finishFlag: number,
  sink: Sink,
  size: number = OUTPUT_SIZE,
): SyncCodec {
  if (!isInside(stream)) throw new Error("node:zlib has no synchronous codec");
  const { _handle: handle, _writeState: left } = stream;
  const output = Buffer.allocUnsafeSlow(size);
  const nothing = new Uint8Array(0);
  let error: CodecError | undefined;
  let open = true;
  handle.onerror = (message, _errno, code) => {
    error = new CodecError(message, code === "Z_BUF_ERROR");
  };

  const run = (flush: number, bytes: Uint8Array, start: number, end: number): number => {
    let at = start;
    for (;;) {
      handle.writeSync(flush, bytes, at, end - at, output, 0, size);
      if (error !== undefined) throw error;
      const [outputLeft = 0, inputLeft = 0] = left;
      at = end - inputLeft;
      if (outputLeft < size) sink(output.subarray(0, size - outputLeft));
      if (outputLeft > 0) return at;
    }
  };

  return {
    write: (bytes, start, end) => run(0, bytes, start, end),
    finish() {
      run(finishFlag, nothing, 0, 0);
    },
    reset: () => stream.reset(),
    close() {
      if (open) stream.close();
      open = false;
    },
  };
}

function isInside(stream: object): stream is Inside {
  const { _handle: handle, _writeState: state } = stream as Partial<Inside>;
  return typeof handle?.writeSync === "function" && state instanceof Uint32Array;
}
