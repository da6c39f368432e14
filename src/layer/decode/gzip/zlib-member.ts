import { constants, createUnzip } from "node:zlib";
import { corrupt, truncated } from "../fault.ts";
import type { Sink } from "../stage.ts";
import { CodecError, syncCodec } from "../sync-codec.ts";
import type { MemberInflater } from "./members.ts";

/** An empty zlib stream with the largest window. */
const EMPTY = Uint8Array.of(0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01);

/**
 * Node's own zlib. Its gunzip runs on into what follows a member, and where that is no gzip, loses what it
 * had decoded; its unzip does not, once it has seen a zlib stream: reset, it takes either format,
 * checks the trailer, and stops there.
 */
export function zlibMember(sink: Sink): MemberInflater {
  const codec = syncCodec(createUnzip({ chunkSize: 64, windowBits: 15 }), constants.Z_FINISH, sink);
  codec.write(EMPTY, 0, EMPTY.length);
  return {
    write: (bytes, start) => checked(() => codec.write(bytes, start, bytes.length)),
    reset: () => codec.reset(),
    finish: () => checked(() => codec.finish()),
    close: () => codec.close(),
  };
}

function checked<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw error.truncated ? truncated("gzip") : corrupt("gzip", error.message);
  }
}
