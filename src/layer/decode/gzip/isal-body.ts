import { corrupt } from "../fault.ts";
import { OUTPUT_SIZE, type Sink } from "../stage.ts";
import type { BodyInflater } from "./header.ts";

type Koffi = typeof import("koffi").default;

/** ISA-L's inflate as the C compiler sees it, and where buffers lie. */
export interface Isal {
  init(state: Buffer): void;
  reset(state: Buffer): void;
  inflate(state: Buffer, input: Buffer, output: Buffer): number;
  address(buffer: Buffer): bigint;
}

const LIBRARY = "libisal.so.2";
const PROCESSORS = ["x64", "arm64"];

/** Throws where the library is missing. */
export function loadIsal(koffi: Koffi): Isal {
  if (process.platform !== "linux" || !PROCESSORS.includes(process.arch)) {
    throw new Error("ISA-L is not for this machine");
  }
  const library = koffi.load(LIBRARY);
  return {
    init: library.func("void isal_inflate_init(void *)"),
    reset: library.func("void isal_inflate_reset(void *)"),
    // It takes the state only. The buffers that the state points to are named too, in registers that it
    // does not read, so that they can't be collected during the call.
    inflate: library.func("int isal_inflate(void *, void *, void *)"),
    address: (buffer) => koffi.address(buffer),
  };
}

/** Offsets in `struct inflate_state` of `igzip_lib.h`, the same since 2.20 wherever pointers have 64 bits. */
const NEXT_OUT = 0;
const AVAIL_OUT = 8;
const NEXT_IN = 16;
const AVAIL_IN = 32;
const BLOCK_STATE = 21160;
const CRC_FLAG = 21172;
/** The struct has 87,368 bytes. */
const STATE_SIZE = 128 * 1024;
const FINISH = 5;
/** No header, and a trailer that is checked. Its own reader of headers loses its place between two calls. */
const GZIP_NO_HDR_VER = 6;

const INPUT_SIZE = 256 * 1024;
/** Past each buffer, for what reads or writes a vector at a time. */
const SLACK = 4096;

const ERRORS: Readonly<Record<string, string>> = {
  "-1": "invalid block",
  "-2": "invalid symbol",
  "-3": "invalid distance too far back",
  "-6": "incorrect data check",
};

/** All memory is JavaScript's, at addresses that stay: the state points to nothing that could be freed. */
export function isalBody(isal: Isal, sink: Sink): BodyInflater {
  const state = Buffer.alloc(STATE_SIZE);
  const input = Buffer.alloc(INPUT_SIZE + SLACK);
  const output = Buffer.alloc(OUTPUT_SIZE + SLACK);
  const inputAddress = isal.address(input);
  const outputAddress = isal.address(output);
  isal.init(state);
  state.writeUInt32LE(GZIP_NO_HDR_VER, CRC_FLAG);
  const ended = (): boolean => state.readInt32LE(BLOCK_STATE) === FINISH;

  /** Decodes what lies in the input buffer; returns how much of it is left. */
  const run = (length: number): number => {
    state.writeBigUInt64LE(inputAddress, NEXT_IN);
    state.writeUInt32LE(length, AVAIL_IN);
    for (;;) {
      const before = state.readUInt32LE(AVAIL_IN);
      state.writeBigUInt64LE(outputAddress, NEXT_OUT);
      state.writeUInt32LE(OUTPUT_SIZE, AVAIL_OUT);
      const result = isal.inflate(state, input, output);
      if (result !== 0) throw corrupt("gzip", ERRORS[result] ?? `ISA-L says ${result}`);
      const outputLeft = state.readUInt32LE(AVAIL_OUT);
      const inputLeft = state.readUInt32LE(AVAIL_IN);
      if (outputLeft < OUTPUT_SIZE) sink(output.subarray(0, OUTPUT_SIZE - outputLeft));
      if (outputLeft > 0 && (inputLeft === 0 || ended())) return inputLeft;
      if (outputLeft === OUTPUT_SIZE && inputLeft === before) return inputLeft;
    }
  };

  return {
    write(bytes, start) {
      let at = start;
      while (at < bytes.length && !ended()) {
        const length = Math.min(INPUT_SIZE, bytes.length - at);
        input.set(bytes.subarray(at, at + length));
        at += length;
        const left = run(length);
        at -= left;
        if (left > 0 && !ended()) throw corrupt("gzip", "no progress");
      }
      return at;
    },
    get ended() {
      return ended();
    },
    reset: () => isal.reset(state),
  };
}
