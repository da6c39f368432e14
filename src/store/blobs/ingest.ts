import { constants, writeSync } from "node:fs";
import { type FileHandle, lstat, open, readdir, rm, statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Ingest, Sink } from "../../content/port.ts";
import { addSpan, contiguous, type Span, spannedBytes } from "../../content/spans.ts";
import { Watermark } from "../../content/watermark.ts";
import { diskError, onDisk } from "../../disk/disk-error.ts";
import { FILE_MODE, makeFolder } from "../../disk/folder.ts";
import { publish } from "../../disk/publish.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Layout } from "../layout.ts";
import { forgetDiscarded } from "./discarded.ts";
import { journalLine, readJournal } from "./journal.ts";

/** How many bytes may be written before the journal says so: what a kill costs at most. */
const JOURNAL_EVERY = 4 * 1024 * 1024;
const SLICE = 1024 * 1024;

/**
 * A download on its way to become a blob: `ingest/<alg>-<hex>.<generation>` and its journal. The caller
 * holds the exclusive right to the digest.
 */
export class FileIngest implements Ingest {
  readonly watermark: Watermark = new Watermark();
  readonly randomAccess = true;
  readonly held: readonly Span[];
  readonly #layout: Layout;
  readonly #descriptor: Descriptor;
  readonly #release: () => void;
  #part: Part;
  #spans: readonly Span[];
  #unjournalled = 0;
  #ended = false;

  static async begin(
    layout: Layout,
    descriptor: Descriptor,
    release: () => void,
  ): Promise<FileIngest> {
    const found = await resume(layout, descriptor);
    const spans = found?.spans ?? [];
    await checkSpace(layout, descriptor, spannedBytes(spans)).catch(async (error: unknown) => {
      if (found !== undefined) await close(found.part);
      throw error;
    });
    const part = found?.part ?? (await create(layout, descriptor, 0));
    return new FileIngest(layout, descriptor, part, spans, release);
  }

  private constructor(
    layout: Layout,
    descriptor: Descriptor,
    part: Part,
    spans: readonly Span[],
    release: () => void,
  ) {
    this.#layout = layout;
    this.#descriptor = descriptor;
    this.#part = part;
    this.#spans = spans;
    this.#release = release;
    this.held = spans;
    this.watermark.advance(contiguous(spans));
  }

  get path(): string {
    return this.#part.path;
  }

  /** Synchronous on purpose: into the page cache it costs less than handing it to another thread. */
  writeAt(offset: number, bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#part.file.fd, bytes, done, bytes.length - done, offset + done);
      }
    } catch (error) {
      throw diskError(error, "writing a download", this.#part.path);
    }
    this.#spans = addSpan(this.#spans, { start: offset, end: offset + bytes.length });
    this.watermark.advance(contiguous(this.#spans));
    this.#unjournalled += bytes.length;
    if (this.#unjournalled >= JOURNAL_EVERY) this.#flushJournal();
  }

  async readBack(span: Span, sink: Sink): Promise<void> {
    const buffer = new Uint8Array(Math.min(SLICE, span.end - span.start));
    for (let at = span.start; at < span.end; ) {
      const wanted = Math.min(buffer.length, span.end - at);
      const { bytesRead } = await onDisk("reading a download back", this.#part.path, () =>
        this.#part.file.read(buffer, 0, wanted, at),
      );
      if (bytesRead === 0) throw vanished(this.#part.path);
      await sink(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  }

  async restart(): Promise<void> {
    const old = this.#part;
    this.#part = await create(this.#layout, this.#descriptor, old.generation + 1);
    this.#spans = [];
    this.#unjournalled = 0;
    this.watermark.restart();
    await discard(old);
  }

  async commit(): Promise<void> {
    const to = this.#layout.blob(this.#descriptor.digest);
    const journal = journalPath(this.#part.path);
    await makeFolder(dirname(to));
    // After the rename nobody would come to clear the journal away, if we were killed before it.
    await publish(this.#part.file, this.#part.path, to, () => rm(journal, { force: true }));
    await forgetDiscarded(this.#layout, this.#descriptor.digest);
    await this.#end("complete");
  }

  async abort({ keep }: { readonly keep: boolean }): Promise<void> {
    if (this.#ended) return;
    try {
      if (keep && this.#spans.length > 0) this.#flushJournal();
      else await discard(this.#part);
    } finally {
      await this.#end("failed");
    }
  }

  #flushJournal(): void {
    this.#unjournalled = 0;
    const line = journalLine(this.#spans);
    try {
      writeSync(this.#part.journal.fd, line);
    } catch {
      // A full disk: what is not in the journal is fetched again, nothing worse.
    }
  }

  async #end(state: "complete" | "failed"): Promise<void> {
    this.#ended = true;
    this.watermark.settle(state);
    await close(this.#part);
    this.#release();
  }
}

interface Part {
  readonly path: string;
  readonly generation: number;
  readonly file: FileHandle;
  readonly journal: FileHandle;
}

async function create(layout: Layout, descriptor: Descriptor, generation: number): Promise<Part> {
  const path = `${layout.ingest(descriptor.digest)}.${generation}`;
  await rm(path, { force: true });
  await rm(journalPath(path), { force: true });
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  return openPart(path, generation, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
}

async function openPart(path: string, generation: number, flags: number): Promise<Part> {
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  return onDisk("starting a download", path, async () => {
    const file = await open(path, flags, FILE_MODE);
    try {
      const flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW;
      const journal = await open(journalPath(path), flags, FILE_MODE);
      return { path, generation, file, journal };
    } catch (error) {
      await file.close();
      throw error;
    }
  });
}

/** What an earlier try left, if it can be gone on with; what can't is thrown away. */
async function resume(
  layout: Layout,
  descriptor: Descriptor,
): Promise<{ part: Part; spans: readonly Span[] } | undefined> {
  const prefix = layout.ingest(descriptor.digest);
  const generations = (await readdir(layout.ingests).catch(() => []))
    .flatMap((name) => generationOf(name, basename(prefix)))
    .sort((a, b) => b - a);
  const [latest, ...older] = generations;
  for (const generation of older) await discardPath(`${prefix}.${generation}`);
  if (latest === undefined) return undefined;
  const path = `${prefix}.${latest}`;
  const found = await lstat(path).catch(() => undefined);
  const size = found?.isFile() ? found.size : 0;
  const spans = await readJournal(journalPath(path), size);
  // Longer than it can be (fault 18), or nothing that counts: not worth an attempt.
  if (size > descriptor.size || spans.length === 0) {
    await discardPath(path);
    return undefined;
  }
  const { O_RDWR, O_NOFOLLOW } = constants;
  return { part: await openPart(path, latest, O_RDWR | O_NOFOLLOW), spans };
}

function generationOf(name: string, prefix: string): number[] {
  if (!name.startsWith(`${prefix}.`)) return [];
  const generation = name.slice(prefix.length + 1);
  return /^[0-9]{1,9}$/.test(generation) ? [Number(generation)] : [];
}

async function discard(part: Part): Promise<void> {
  await close(part);
  await discardPath(part.path);
}

async function close({ file, journal }: Part): Promise<void> {
  await Promise.allSettled([file.close(), journal.close()]);
}

async function discardPath(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(journalPath(path), { force: true });
}

function journalPath(path: string): string {
  return `${path}.journal`;
}

/** A full disk is better found before the download than at its end. */
async function checkSpace(layout: Layout, descriptor: Descriptor, held: number): Promise<void> {
  const needed = descriptor.size - held;
  if (needed < SLICE) return;
  const disk = await statfs(layout.root).catch(() => undefined);
  const free = disk === undefined ? Number.POSITIVE_INFINITY : disk.bavail * disk.bsize;
  if (needed <= free) return;
  throw new LadingError(
    "disk",
    `the disk is too full: ${needed} bytes are to come and ${free} are free`,
    {
      digest: descriptor.digest,
      path: layout.root,
      hint: "free some space (lading store gc), or choose another --root",
    },
  );
}

function vanished(path: string): LadingError {
  return new LadingError("disk", "a download was cut short behind our back", { path });
}
