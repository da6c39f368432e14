import type { BlobEvent, ContentRole, LadingEvent } from "../../content/events.ts";
import type { Digest } from "../../oci/digest.ts";
import { applyUnpack, isUnpackEvent, type UnpackState, unpackedBytes } from "./unpack-state.ts";

/** What is known of an operation by its events so far. Changed by {@link applyEvent} alone. */
export interface ProgressState {
  readonly references: Map<string, ReferenceProgress>;
  /** In the order in which they were planned, each digest once. */
  readonly blobs: Map<Digest, BlobProgress>;
  /** Hosts that asked for a pause, and until when (milliseconds since the epoch). */
  readonly pauses: Map<string, number>;
  /** Set while nothing goes on, since another process has what is wanted. */
  blocked: { readonly pid: number | undefined; readonly doing: string } | undefined;
  /** Layers that somebody else unpacks, by diff ID, and who. */
  readonly layerWaits: Map<Digest, number | undefined>;
  /** Bytes that came over the wire for blobs, by the offsets seen. */
  arrived: number;
}

export interface ReferenceProgress {
  readonly reference: string;
  phase: "resolving" | "pulling" | "done";
  digest: Digest | undefined;
}

export interface BlobProgress {
  readonly digest: Digest;
  readonly size: number;
  readonly role: ContentRole;
  phase: BlobPhase;
  /** Bytes held; never more than the size. */
  offset: number;
  generation: number;
  /** What of it came over the wire. */
  arrived: number;
  /** When it began to move, and when it was there. */
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** What was held when it began to move. */
  resumedFrom: number;
  /** Whose download it waits for, while waiting; undefined when that is not known. */
  pid: number | undefined;
  retry: { readonly attempt: number; readonly until: number } | undefined;
  /** Set when it is to be files as well: then it is not complete before it is. */
  unpack: UnpackState | undefined;
}

export type BlobPhase = "queued" | "downloading" | "waiting" | "retrying" | "verified" | "existed";

export function emptyState(): ProgressState {
  return {
    references: new Map(),
    blobs: new Map(),
    pauses: new Map(),
    blocked: undefined,
    layerWaits: new Map(),
    arrived: 0,
  };
}

/** What says nothing of whether the wait for somebody else is over. */
const ASIDE: ReadonlySet<string> = new Set(["waiting", "request", "mirror", "rate-limit"]);

/** Brings the state up to date. Looks at nothing but its arguments; `now` is in epoch milliseconds. */
export function applyEvent(state: ProgressState, event: LadingEvent, now: number): void {
  if (!ASIDE.has(event.type)) state.blocked = undefined;
  if (isUnpackEvent(event)) {
    state.layerWaits.delete(event.diffId);
    applyUnpack(unpackedBlob(state, event, now), event, now);
    return;
  }
  switch (event.type) {
    case "resolving":
      setReference(state, event.reference, "resolving", undefined);
      return;
    case "resolved":
      setReference(state, event.reference, "pulling", event.digest);
      return;
    case "done":
      setReference(state, event.reference, "done", event.digest);
      return;
    case "planned":
      for (const planned of event.blobs) blobOf(state, planned);
      return;
    case "exists":
      finish(blobOf(state, event), "existed", now);
      return;
    case "verified":
      finish(blobOf(state, event), "verified", now);
      return;
    case "started":
      start(blobOf(state, event), event, now);
      return;
    case "bytes":
      advance(state, blobOf(state, event), event, now);
      return;
    case "retry":
      retry(state, event, now);
      return;
    case "waiting":
      wait(state, event.why, now);
      return;
    case "warning":
    case "request":
    case "mirror":
    case "rate-limit":
      return;
  }
}

/** There, and unpacked if that was begun. */
export function isComplete(blob: BlobProgress): boolean {
  return isHeld(blob) && !isUnpacking(blob);
}

export function isHeld({ phase }: BlobProgress): boolean {
  return phase === "verified" || phase === "existed";
}

export function isUnpacking({ unpack }: BlobProgress): boolean {
  return unpack !== undefined && unpack.running > 0;
}

/** What has a line of its own; manifests and configs are counted, but over before one could look. */
export function isShown({ role }: BlobProgress): boolean {
  return role === "layer" || role === "other";
}

export interface Totals {
  readonly size: number;
  readonly offset: number;
  readonly layers: number;
  /** Layers that are there; what is under way does not count. */
  readonly complete: number;
  /** How many of the bytes are files by now; `undefined` when nothing is unpacked. */
  readonly unpacked?: number | undefined;
}

export function totals(state: ProgressState): Totals {
  let size = 0;
  let offset = 0;
  let layers = 0;
  let complete = 0;
  let unpacked = 0;
  let unpacking = false;
  for (const blob of state.blobs.values()) {
    size += blob.size;
    offset += blob.offset;
    unpacked += isShown(blob) ? unpackedBytes(blob) : blob.offset;
    unpacking ||= blob.unpack !== undefined;
    if (!isShown(blob)) continue;
    layers += 1;
    if (isComplete(blob)) complete += 1;
  }
  return { size, offset, layers, complete, unpacked: unpacking ? unpacked : undefined };
}

type EventOf<T extends LadingEvent["type"]> = Extract<LadingEvent, { readonly type: T }>;

function setReference(
  state: ProgressState,
  reference: string,
  phase: ReferenceProgress["phase"],
  digest: Digest | undefined,
): void {
  state.references.set(reference, { reference, phase, digest });
}

function blobOf(state: ProgressState, { digest, size, role }: BlobEvent): BlobProgress {
  const known = state.blobs.get(digest);
  if (known !== undefined) return known;
  const blob: BlobProgress = {
    digest,
    size,
    role,
    phase: "queued",
    offset: 0,
    generation: 0,
    arrived: 0,
    startedAt: undefined,
    endedAt: undefined,
    resumedFrom: 0,
    pid: undefined,
    retry: undefined,
    unpack: undefined,
  };
  state.blobs.set(digest, blob);
  return blob;
}

/** What is unpacked without having been planned is in the store already. */
function unpackedBlob(
  state: ProgressState,
  { digest, size }: Pick<BlobEvent, "digest" | "size">,
  now: number,
): BlobProgress {
  const known = state.blobs.get(digest);
  if (known !== undefined) return known;
  const blob = blobOf(state, { digest, size, role: "layer" });
  finish(blob, "existed", now);
  return blob;
}

function finish(blob: BlobProgress, phase: "verified" | "existed", now: number): void {
  if (isHeld(blob)) return;
  blob.phase = phase;
  blob.offset = blob.size;
  blob.endedAt = now;
}

function start(blob: BlobProgress, event: EventOf<"started">, now: number): void {
  if (isHeld(blob)) return;
  blob.phase = "downloading";
  blob.offset = Math.min(event.offset, blob.size);
  blob.resumedFrom = blob.offset;
  blob.generation = event.generation;
  blob.startedAt = now;
}

/** An offset falls only with a new generation; a late report of an old one is not looked at. */
function advance(
  state: ProgressState,
  blob: BlobProgress,
  event: EventOf<"bytes">,
  now: number,
): void {
  if (isHeld(blob) || event.generation < blob.generation) return;
  const again = event.generation > blob.generation;
  const before = again ? 0 : blob.offset;
  const offset = Math.min(Math.max(event.offset, before), blob.size);
  blob.offset = offset;
  blob.generation = event.generation;
  // What somebody else downloads is progress, but not our traffic.
  if (blob.phase === "waiting") return;
  blob.phase = "downloading";
  blob.startedAt ??= now;
  blob.arrived += offset - before;
  state.arrived += offset - before;
}

function retry(state: ProgressState, event: EventOf<"retry">, now: number): void {
  const blob = event.digest === undefined ? undefined : state.blobs.get(event.digest);
  if (blob === undefined || isHeld(blob)) return;
  blob.phase = "retrying";
  blob.retry = { attempt: event.attempt, until: now + event.delayMs };
}

function wait(state: ProgressState, why: EventOf<"waiting">["why"], now: number): void {
  if (why.kind === "store-lock") state.blocked = { pid: why.pid, doing: "holds the store" };
  else if (why.kind === "target") state.blocked = { pid: why.pid, doing: `fills ${why.path}` };
  else if (why.kind === "same-layer") state.layerWaits.set(why.digest, why.pid);
  else if ("host" in why) state.pauses.set(why.host, now + why.ms);
  else if (why.kind === "same-download") {
    const blob = state.blobs.get(why.digest);
    if (blob === undefined || isHeld(blob)) return;
    blob.phase = "waiting";
    blob.pid = why.pid;
  }
}
