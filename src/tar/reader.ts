import { LadingError } from "../errors.ts";
import { EntryBuilder } from "./build-entry.ts";
import { TarFault } from "./fault.ts";
import { BLOCK, isZeroBlock, parseHeader } from "./header.ts";
import type { ReadEntry } from "./read-entry.ts";
import { type DataSpan, GnuSparse, type SparseMap, SparseMapReader } from "./sparse.ts";

/** Hears of an archive as it is read, in order. */
export interface TarHandler {
  entry(entry: ReadEntry): void;
  /** Content of the entry before, and where in the file it belongs; what is left out are holes. */
  data(bytes: Uint8Array, position: number): void;
  /** All of the entry's content has come. */
  finish(): void;
}

/** How much the headers of one entry may take: names, attributes, sparse maps. */
const MAX_META = 1024 * 1024;

/**
 * Reads a tar from buffers of any size: ustar, GNU, PAX, star and v7, as far as they say what is in a
 * file system. What is malformed is an error with the entry's number and place, never a guess: two
 * readers that guess differently see two archives (CVE-2025-62518).
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #builder = new EntryBuilder();
  readonly #partial = new Uint8Array(BLOCK);
  #filled = 0;
  #state: State = { kind: "header", zeros: 0 };
  /** Bytes taken so far, and where the current entry's first header stands. */
  #position = 0;
  #entryStart = 0;
  #entries = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Entries that have been read. */
  get entries(): number {
    return this.#entries;
  }

  push(bytes: Uint8Array): void {
    this.#located(() => {
      for (let at = 0; at < bytes.length; ) {
        const taken = this.#take(at === 0 ? bytes : bytes.subarray(at));
        at += taken;
        this.#position += taken;
      }
    });
  }

  /** Nothing more comes. An archive may end without its two blocks of zeros, but not inside an entry. */
  end(): void {
    this.#located(() => {
      const { kind } = this.#state;
      const between = kind === "header" && this.#filled === 0 && !this.#builder.begun;
      if (kind !== "end" && !between) throw new TarFault("the archive ends in the middle of it");
    });
  }

  /** Takes some of the bytes, at least one. */
  #take(bytes: Uint8Array): number {
    const state = this.#state;
    if (state.kind === "end") return bytes.length;
    if (state.kind === "content") return this.#takeContent(state, bytes);
    if (state.kind === "padding") return this.#takePadding(state, bytes);
    if (this.#filled === 0 && bytes.length >= BLOCK) {
      this.#takeBlock(state, bytes.subarray(0, BLOCK));
      return BLOCK;
    }
    const taken = Math.min(BLOCK - this.#filled, bytes.length);
    this.#partial.set(bytes.subarray(0, taken), this.#filled);
    this.#filled += taken;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#takeBlock(state, this.#partial);
    }
    return taken;
  }

  #takeBlock(state: BlockState, block: Uint8Array): void {
    switch (state.kind) {
      case "header":
        this.#takeHeader(state, block);
        break;
      case "meta":
        this.#takeMeta(state, block);
        break;
      case "gnu-sparse":
        state.sparse.extend(block);
        if (!state.sparse.more) this.#begin(state.sparse.map(state.archived), state.archived);
        break;
      case "sparse-map":
        this.#takeMap(state, block);
    }
  }

  #takeMap({ reader, size, archived }: SparseMapState, block: Uint8Array): void {
    const map = reader.push(block, size);
    const left = archived - reader.bytes;
    if (left < 0) throw new TarFault("its sparse map is longer than its content");
    if (map !== undefined) this.#begin(map, left);
  }

  #takeHeader({ zeros }: HeaderState, block: Uint8Array): void {
    if (!this.#builder.begun) this.#entryStart = this.#position - (this.#position % BLOCK);
    if (isZeroBlock(block)) {
      if (this.#builder.begun) throw new TarFault("the archive ends in the middle of it");
      this.#state = zeros === 0 ? { kind: "header", zeros: 1 } : { kind: "end" };
      return;
    }
    if (zeros > 0) throw new TarFault("a block of zeros stands before it");
    const header = parseHeader(block);
    if (EntryBuilder.isMeta(header.flag)) {
      if (header.size > MAX_META)
        throw new TarFault(`its headers are larger than ${MAX_META} bytes`);
      const bytes = new Uint8Array(header.size);
      this.#state = { kind: "meta", flag: header.flag, bytes, filled: 0 };
      if (header.size === 0) this.#endMeta(header.flag, bytes);
      return;
    }
    const { archived, sparse } = this.#builder.take(header);
    if (header.flag === "S") {
      const gnu = new GnuSparse(block);
      if (gnu.more) this.#state = { kind: "gnu-sparse", sparse: gnu, archived };
      else this.#begin(gnu.map(archived), archived);
    } else if (sparse === "in-content") {
      const reader = new SparseMapReader();
      this.#state = { kind: "sparse-map", reader, size: this.#builder.realSize, archived };
    } else this.#begin(sparse, archived);
  }

  #takeMeta(state: MetaState, block: Uint8Array): void {
    const taken = Math.min(BLOCK, state.bytes.length - state.filled);
    state.bytes.set(block.subarray(0, taken), state.filled);
    state.filled += taken;
    if (state.filled === state.bytes.length) this.#endMeta(state.flag, state.bytes);
  }

  #endMeta(flag: string, bytes: Uint8Array): void {
    this.#builder.takeMeta(flag, bytes);
    this.#state = { kind: "header", zeros: 0 };
  }

  #begin(map: SparseMap | undefined, archived: number): void {
    const entry = this.#builder.build(map, archived, this.#entries + 1, this.#entryStart);
    this.#entries += 1;
    this.#handler.entry(entry);
    const padding = (BLOCK - (archived % BLOCK)) % BLOCK;
    if (archived > 0) {
      this.#state = { kind: "content", spans: entry.data, span: 0, done: 0, padding };
    } else this.#finish(0);
  }

  #takeContent(state: ContentState, bytes: Uint8Array): number {
    const span = state.spans[state.span];
    if (span === undefined) throw new TarFault("it has more content than it says");
    const taken = Math.min(span.length - state.done, bytes.length);
    this.#handler.data(bytes.subarray(0, taken), span.offset + state.done);
    state.done += taken;
    if (state.done === span.length) {
      state.span += 1;
      state.done = 0;
      if (state.span === state.spans.length) this.#finish(state.padding);
    }
    return taken;
  }

  #takePadding(state: PaddingState, bytes: Uint8Array): number {
    const taken = Math.min(state.left, bytes.length);
    state.left -= taken;
    if (state.left === 0) this.#state = { kind: "header", zeros: 0 };
    return taken;
  }

  #finish(padding: number): void {
    this.#handler.finish();
    this.#state = padding > 0 ? { kind: "padding", left: padding } : { kind: "header", zeros: 0 };
  }

  #located(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof TarFault)) throw error;
      const where = `entry ${this.#entries + 1} of the tar, at byte ${this.#entryStart}`;
      throw new LadingError("malformed", `${where}: ${error.message}`, { cause: error });
    }
  }
}

type State = BlockState | ContentState | PaddingState | { readonly kind: "end" };
type BlockState = HeaderState | MetaState | GnuSparseState | SparseMapState;

interface HeaderState {
  readonly kind: "header";
  readonly zeros: number;
}

interface MetaState {
  readonly kind: "meta";
  readonly flag: string;
  readonly bytes: Uint8Array;
  filled: number;
}

interface GnuSparseState {
  readonly kind: "gnu-sparse";
  readonly sparse: GnuSparse;
  readonly archived: number;
}

interface SparseMapState {
  readonly kind: "sparse-map";
  readonly reader: SparseMapReader;
  readonly size: number;
  readonly archived: number;
}

interface ContentState {
  readonly kind: "content";
  readonly spans: readonly DataSpan[];
  span: number;
  done: number;
  readonly padding: number;
}

interface PaddingState {
  readonly kind: "padding";
  left: number;
}
