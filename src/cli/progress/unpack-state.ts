import type { LadingEvent } from "../../content/events.ts";

/** How far a layer is on its way to files. */
export interface UnpackState {
  /** How often it is under way: one layer may stand twice in an image, or in two images. */
  running: number;
  /** Compressed bytes that are files by now; never more than the blob has. */
  offset: number;
  entries: number;
  /** Whether it had been unpacked before. */
  existed: boolean;
  /** Whether it was begun at all; what is unpacked already is only told of. */
  begun: boolean;
  /** Since when it moves: what is begun may wait for a thread. */
  movingSince: number | undefined;
  endedAt: number | undefined;
}

type UnpackEventType = "unpack-started" | "unpack-progress" | "unpacked";
type AnyUnpackEvent = Extract<LadingEvent, { readonly type: UnpackEventType }>;

interface Unpackable {
  readonly size: number;
  unpack: UnpackState | undefined;
}

export function isUnpackEvent(event: LadingEvent): event is AnyUnpackEvent {
  const { type } = event;
  return type === "unpack-started" || type === "unpack-progress" || type === "unpacked";
}

export function applyUnpack(blob: Unpackable, event: AnyUnpackEvent, now: number): void {
  blob.unpack ??= {
    running: 0,
    offset: 0,
    entries: 0,
    existed: false,
    begun: false,
    movingSince: undefined,
    endedAt: undefined,
  };
  const { unpack } = blob;
  switch (event.type) {
    case "unpack-started":
      unpack.running += 1;
      unpack.offset = 0;
      unpack.begun = true;
      unpack.movingSince = undefined;
      unpack.endedAt = undefined;
      return;
    case "unpack-progress":
      unpack.offset = Math.min(event.offset, blob.size);
      unpack.entries = event.entries;
      unpack.movingSince ??= now;
      return;
    case "unpacked":
      unpack.running = Math.max(0, unpack.running - 1);
      unpack.offset = blob.size;
      unpack.entries = event.entries;
      unpack.existed = event.existed;
      unpack.endedAt = now;
  }
}

/** Bytes of a layer that are files by now. */
export function unpackedBytes({ unpack }: Unpackable): number {
  return unpack?.offset ?? 0;
}
