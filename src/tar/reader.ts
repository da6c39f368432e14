import { LadingError } from "../errors.ts";
import { buildEntry, type Draft, draftEntry } from "./build-entry.ts";
import { TarFault } from "./fault.ts";
import { BLOCK, isZeroBlock, parseHeader } from "./header.ts";
import { MetaHeaders } from "./meta-headers.ts";
import type { ReadEntry } from "./read-entry.ts";
import type { DataSpan, SparseMap } from "./sparse.ts";
import { GnuSparseReader, SparseMapReader } from "./sparse-readers.ts";

/** Hears of an archive as it is read, in order. */
export interface TarHandler {
  entry(entry: ReadEntry): void;
  /** Content of the entry before, and where in the file it belongs; what is left out are holes. */
  data(bytes: Uint8Array, position: number): void;
  /** All of the entry's content has come. */
  finish(): void;
}

/** How much one header may take: names, attributes, sparse maps. As much as Go and libarchive read. */
const MAX_META = 1024 * 1024;

/**
 * Reads a tar from buffers of any size: ustar, GNU, PAX, star and v7, as far as they say what is in a
 * file system. What is malformed is an error with the entry's number and place, never a guess: two
 * readers that guess differently see two archives (CVE-2025-62518).
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #meta = new MetaHeaders();
  /** A block whose bytes come in several pieces. */
  readonly #partial = Buffer.alloc(BLOCK);
  #filled = 0;
  #state: State = BETWEEN;
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

  /** What it throws once it throws ever after. */
  push(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#located(() => {
      for (let at = 0; at < buffer.length; ) {
        const taken = this.#take(buffer, at);
        at += taken;
        this.#position += taken;
      }
    });
  }

  /**
   * Nothing more comes. An archive may end without its two blocks of zeros and without the last file's
   * padding (Go's writer, when it is not closed), but not inside an entry.
   */
  end(): void {
    this.#located(() => {
      const state = this.#state;
      if (state.kind === "failed") throw state.error;
      const { kind } = state;
      const between = kind === "header" && this.#filled === 0 && !this.#meta.begun;
      if (kind !== "end" && kind !== "padding" && !between) throw new TarFault(CUT_OFF);
    });
  }

  /** Takes some of the bytes from `at` on, at least one. */
  #take(bytes: Buffer, at: number): number {
    const state = this.#state;
    switch (state.kind) {
      case "failed":
        throw state.error;
      case "end":
        return bytes.length - at;
      case "content":
        return this.#takeContent(state, bytes, at);
      case "padding":
        return this.#takePadding(state, bytes.length - at);
      default:
        return this.#fillBlock(state, bytes, at);
    }
  }

  #fillBlock(state: BlockState, bytes: Buffer, at: number): number {
    if (this.#filled === 0 && bytes.length - at >= BLOCK) {
      this.#takeBlock(state, bytes, at);
      return BLOCK;
    }
    const taken = bytes.copy(this.#partial, this.#filled, at);
    this.#filled += taken;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#takeBlock(state, this.#partial, 0);
    }
    return taken;
  }

  #takeBlock(state: BlockState, bytes: Buffer, at: number): void {
    switch (state.kind) {
      case "header":
        this.#takeHeader(state, bytes, at);
        break;
      case "meta":
        this.#takeMeta(state, bytes, at);
        break;
      case "gnu-sparse":
        state.reader.push(bytes, at);
        if (!state.reader.more) this.#begin(state.draft, state.reader.map, state.draft.archived);
        break;
      case "sparse-map":
        this.#takeMap(state, bytes, at);
    }
  }

  #takeHeader({ zeros }: HeaderState, bytes: Buffer, at: number): void {
    const { begun } = this.#meta;
    if (!begun) this.#entryStart = this.#position - (this.#position % BLOCK);
    if (bytes[at] === 0 && isZeroBlock(bytes, at)) {
      if (begun) throw new TarFault(CUT_OFF);
      this.#state = zeros ? { kind: "end" } : { kind: "header", zeros: true };
      return;
    }
    if (zeros) throw new TarFault("a block of zeros stands before it");
    const header = parseHeader(bytes, at);
    if (MetaHeaders.is(header.flag)) {
      this.#beginMeta(header.flag, header.size);
      return;
    }
    const draft = draftEntry(header, this.#meta);
    const { sparse, archived } = draft;
    if (sparse === undefined) this.#begin(draft, undefined, archived);
    else if (sparse.kind === "map") this.#begin(draft, sparse.map, archived);
    else if (sparse.kind === "in-content") {
      this.#state = { kind: "sparse-map", reader: new SparseMapReader(sparse.size), draft };
    } else {
      const reader = new GnuSparseReader(bytes, at);
      if (reader.more) this.#state = { kind: "gnu-sparse", reader, draft };
      else this.#begin(draft, reader.map, archived);
    }
  }

  #beginMeta(flag: string, size: number): void {
    if (size > MAX_META) throw new TarFault(`its headers are larger than ${MAX_META} bytes`);
    const bytes = Buffer.alloc(size);
    if (size === 0) this.#endMeta(flag, bytes);
    else this.#state = { kind: "meta", flag, bytes, filled: 0 };
  }

  #takeMeta(state: MetaState, bytes: Buffer, at: number): void {
    state.filled += bytes.copy(state.bytes, state.filled, at, at + BLOCK);
    if (state.filled === state.bytes.length) this.#endMeta(state.flag, state.bytes);
  }

  #endMeta(flag: string, bytes: Buffer): void {
    this.#meta.take(flag, bytes);
    this.#state = BETWEEN;
  }

  #takeMap({ reader, draft }: SparseMapState, bytes: Buffer, at: number): void {
    const map = reader.push(bytes, at);
    const left = draft.archived - reader.bytes;
    if (left < 0) throw new TarFault("its sparse map is longer than its content");
    if (map !== undefined) this.#begin(draft, map, left);
  }

  #begin(draft: Draft, map: SparseMap | undefined, archived: number): void {
    const entry = buildEntry(draft, map, archived, this.#entries + 1, this.#entryStart);
    this.#meta.clear();
    this.#entries += 1;
    this.#handler.entry(entry);
    const padding = (BLOCK - (archived % BLOCK)) % BLOCK;
    if (archived === 0) this.#finish(0);
    else this.#state = { kind: "content", spans: entry.data, span: 0, done: 0, padding };
  }

  #takeContent(state: ContentState, bytes: Buffer, at: number): number {
    const span = state.spans[state.span];
    if (span === undefined) throw new TarFault("it has more content than it says");
    const taken = Math.min(span.length - state.done, bytes.length - at);
    this.#handler.data(bytes.subarray(at, at + taken), span.offset + state.done);
    state.done += taken;
    if (state.done === span.length) {
      state.span += 1;
      state.done = 0;
      if (state.span === state.spans.length) this.#finish(state.padding);
    }
    return taken;
  }

  #takePadding(state: PaddingState, available: number): number {
    const taken = Math.min(state.left, available);
    state.left -= taken;
    if (state.left === 0) this.#state = BETWEEN;
    return taken;
  }

  #finish(padding: number): void {
    this.#handler.finish();
    this.#state = padding > 0 ? { kind: "padding", left: padding } : BETWEEN;
  }

  #located(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof TarFault)) throw error;
      const where = `entry ${this.#entries + 1} of the tar, at byte ${this.#entryStart}`;
      const located = new LadingError("malformed", `${where}: ${error.message}`, { cause: error });
      this.#state = { kind: "failed", error: located };
      throw located;
    }
  }
}

const CUT_OFF = "the archive ends in the middle of it";

type State =
  | BlockState
  | ContentState
  | PaddingState
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly error: LadingError };
type BlockState = HeaderState | MetaState | GnuSparseState | SparseMapState;

interface HeaderState {
  readonly kind: "header";
  /** Whether a block of zeros has come. */
  readonly zeros: boolean;
}

const BETWEEN: HeaderState = { kind: "header", zeros: false };

interface MetaState {
  readonly kind: "meta";
  readonly flag: string;
  readonly bytes: Buffer;
  filled: number;
}

interface GnuSparseState {
  readonly kind: "gnu-sparse";
  readonly reader: GnuSparseReader;
  readonly draft: Draft;
}

interface SparseMapState {
  readonly kind: "sparse-map";
  readonly reader: SparseMapReader;
  readonly draft: Draft;
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
