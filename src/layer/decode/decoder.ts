import { LadingError } from "../../errors.ts";
import { overLimit } from "../limits.ts";
import { loadGzip } from "./gzip/load.ts";
import { gzipMembers } from "./gzip/members.ts";
import { compressionOf, type LayerCompression, LONGEST_MAGIC } from "./magic.ts";
import type { Sink, Stage } from "./stage.ts";
import { zstdFrames } from "./zstd/frames.ts";
import { loadZstd } from "./zstd/load.ts";

export type { LayerCompression } from "./magic.ts";

export interface DecoderOptions {
  /** Bytes out for each byte in, looked at once more than 1 MiB came out. Default: no limit. */
  readonly maxRatio?: number | undefined;
}

/** Takes a layer's blob in pieces, and hands its tar to a sink while it does. */
export interface Decoder extends Stage {
  /** `undefined` until the first bytes told. */
  readonly compression: LayerCompression | undefined;
}

export type CreateDecoder = (sink: Sink, options?: DecoderOptions) => Decoder;

export interface DecodersOptions {
  /** Use ISA-L where the machine has it. Default true. */
  readonly native?: boolean | undefined;
}

/** Enough output that a ratio says something. */
const RATIO_FROM = 1024 * 1024;

/** Finds the best codecs of this machine and tries them; the decoders themselves never wait. */
export async function loadDecoders(options: DecodersOptions = {}): Promise<CreateDecoder> {
  const [inflater, frames] = await Promise.all([loadGzip(options), loadZstd()]);
  const stages: Readonly<Record<LayerCompression, (sink: Sink) => Stage>> = {
    gzip: (sink) => gzipMembers(inflater(sink)),
    zstd: (sink) => zstdFrames(frames(sink)),
    none: (sink) => ({ push: sink, end() {}, close() {} }),
  };
  return (sink, decoderOptions) => decoder(stages, sink, decoderOptions);
}

function decoder(
  stages: Readonly<Record<LayerCompression, (sink: Sink) => Stage>>,
  sink: Sink,
  { maxRatio }: DecoderOptions = {},
): Decoder {
  let start: Uint8Array = new Uint8Array(0);
  let stage: Stage | undefined;
  let compression: LayerCompression | undefined;
  /** Why nothing can follow. */
  let over: unknown;
  let taken = 0;
  let given = 0;

  const limited: Sink = (bytes) => {
    given += bytes.length;
    if (maxRatio !== undefined && given > RATIO_FROM && given > taken * maxRatio) {
      throw overLimit("maxRatio", maxRatio, `${taken} bytes of the layer became ${given}`);
    }
    sink(bytes);
  };
  const choose = (found: LayerCompression): void => {
    compression = found;
    stage = stages[found](limited);
    if (start.length > 0) stage.push(start);
  };
  const push = (bytes: Uint8Array): void => {
    taken += bytes.length;
    let rest = bytes;
    if (stage === undefined) {
      const missing = LONGEST_MAGIC - start.length;
      start = Buffer.concat([start, bytes.subarray(0, missing)]);
      rest = bytes.subarray(missing);
      const found = compressionOf(start);
      if (found === undefined) return;
      choose(found);
    }
    if (rest.length > 0) stage?.push(rest);
  };
  const end = (): void => {
    if (stage === undefined) choose("none");
    stage?.end();
    over = new LadingError("internal", "a decoder was used after its end");
  };
  const orFail = (action: () => void): void => {
    if (over !== undefined) throw over;
    try {
      action();
    } catch (error) {
      over = error;
      throw error;
    }
  };

  return {
    get compression() {
      return compression;
    },
    push: (bytes) => orFail(() => push(bytes)),
    end: () => orFail(end),
    close() {
      over ??= new LadingError("internal", "a decoder was used after it was closed");
      stage?.close();
    },
  };
}
