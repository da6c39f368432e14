import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  applyEvent,
  emptyState,
  type ProgressState,
  totals,
} from "../../src/cli/progress/state.ts";
import type { LadingEvent } from "../../src/content/events.ts";
import {
  bytes,
  digest,
  exists,
  layer,
  planned,
  started,
  unpacked,
  unpacking,
  unpackStarted,
  verified,
} from "./events.ts";

const a = layer("a");
const b = layer("b", 50);

function stateAfter(...events: readonly LadingEvent[]): ProgressState {
  const state = emptyState();
  events.forEach((event, index) => {
    applyEvent(state, event, 1000 * index);
  });
  return state;
}

describe("the state of progress", () => {
  it("follows a layer from the plan to its verification", () => {
    const state = stateAfter(planned(a, b));
    expect(state.blobs.get(a.digest)?.phase).toBe("queued");
    applyEvent(state, started(a, 10), 0);
    applyEvent(state, bytes(a, 60), 0);
    expect(state.blobs.get(a.digest)).toMatchObject({
      phase: "downloading",
      offset: 60,
      resumedFrom: 10,
      arrived: 50,
    });
    applyEvent(state, verified(a), 5);
    expect(state.blobs.get(a.digest)).toMatchObject({ phase: "verified", offset: 100, endedAt: 5 });
    expect(state.arrived).toBe(50);
  });

  it("counts layers that are there, not those that have begun (fault 39)", () => {
    const state = stateAfter(planned(a, b), started(a), started(b), bytes(a, 99), bytes(b, 50));
    expect(totals(state)).toMatchObject({ layers: 2, complete: 0 });
    applyEvent(state, verified(b), 0);
    expect(totals(state)).toMatchObject({ layers: 2, complete: 1 });
  });

  it("counts a layer that two manifests plan once", () => {
    expect(totals(stateAfter(planned(a, b), planned(b, a)))).toEqual({
      size: 150,
      offset: 0,
      layers: 2,
      complete: 0,
    });
  });

  it("starts a layer again from zero with a new generation, and counts what came twice", () => {
    const state = stateAfter(planned(a), started(a), bytes(a, 80), bytes(a, 20, 1));
    expect(state.blobs.get(a.digest)).toMatchObject({ offset: 20, generation: 1, arrived: 100 });
  });

  it("does not go back for a late report", () => {
    const state = stateAfter(planned(a), started(a), bytes(a, 80), bytes(a, 30));
    expect(state.blobs.get(a.digest)?.offset).toBe(80);
    applyEvent(state, bytes(a, 20, 1), 0);
    applyEvent(state, bytes(a, 90, 0), 0);
    expect(state.blobs.get(a.digest)).toMatchObject({ offset: 20, generation: 1 });
  });

  it("shows what another process downloads, without taking it for our traffic", () => {
    const wait: LadingEvent = {
      type: "waiting",
      why: { kind: "same-download", digest: a.digest, pid: 42 },
    };
    const state = stateAfter(planned(a), wait, bytes(a, 70));
    expect(state.blobs.get(a.digest)).toMatchObject({ phase: "waiting", offset: 70, pid: 42 });
    expect(state.arrived).toBe(0);
    applyEvent(state, exists(a), 0);
    expect(state.blobs.get(a.digest)?.phase).toBe("existed");
  });

  it("knows until when a retry waits, and that it is over when bytes come", () => {
    const retry: LadingEvent = {
      type: "retry",
      attempt: 2,
      delayMs: 500,
      reason: "reset",
      digest: a.digest,
    };
    const state = stateAfter(planned(a), started(a), retry);
    expect(state.blobs.get(a.digest)).toMatchObject({
      phase: "retrying",
      retry: { attempt: 2, until: 2500 },
    });
    applyEvent(state, bytes(a, 1), 0);
    expect(state.blobs.get(a.digest)?.phase).toBe("downloading");
  });

  it("waits for the store only until something else happens", () => {
    const state = stateAfter({ type: "waiting", why: { kind: "store-lock", pid: 7 } });
    expect(state.blocked).toEqual({ pid: 7, doing: "holds the store" });
    applyEvent(state, started(a), 0);
    expect(state.blocked).toBeUndefined();
  });

  it("counts a layer as complete only when it is files, if it is to be", () => {
    const state = stateAfter(planned(a, b), started(a), unpackStarted(a), bytes(a, 100));
    applyEvent(state, unpacking(a, 40), 0);
    applyEvent(state, verified(a), 0);
    applyEvent(state, exists(b), 0);
    expect(totals(state)).toEqual({ size: 150, offset: 150, layers: 2, complete: 1, unpacked: 40 });
    applyEvent(state, unpacked(a), 7);
    expect(totals(state)).toMatchObject({ complete: 2, unpacked: 100 });
    expect(state.blobs.get(a.digest)?.unpack).toMatchObject({ running: 0, entries: 3, endedAt: 7 });
  });

  it("does not take a layer for complete while another copy of it is under way", () => {
    const state = stateAfter(planned(a), exists(a), unpackStarted(a), unpackStarted(a));
    applyEvent(state, unpacked(a), 0);
    expect(totals(state)).toMatchObject({ complete: 0 });
    applyEvent(state, unpacked(a), 0);
    expect(totals(state)).toMatchObject({ complete: 1 });
  });

  it("shows what is unpacked out of the store, though no download was planned", () => {
    const state = stateAfter(unpackStarted(a));
    expect(state.blobs.get(a.digest)).toMatchObject({
      phase: "existed",
      offset: 100,
      role: "layer",
    });
    expect(totals(state)).toMatchObject({ layers: 1, complete: 0, unpacked: 0 });
  });

  it("waits for another's layer until it is unpacked, and for a target until something happens", () => {
    const { diffId } = unpackStarted(a);
    const state = stateAfter(
      { type: "waiting", why: { kind: "target", path: "/rootfs", pid: 8 } },
      { type: "waiting", why: { kind: "same-layer", digest: diffId, pid: 7 } },
    );
    expect(state.blocked).toEqual({ pid: 8, doing: "fills /rootfs" });
    expect([...state.layerWaits]).toEqual([[diffId, 7]]);
    applyEvent(state, unpacked(a, true), 0);
    expect(state.blocked).toBeUndefined();
    expect(state.layerWaits.size).toBe(0);
  });

  it("never shows more than all of it, whatever the events say (fault 40)", () => {
    const blob = fc.constantFrom(a, b, layer("c", 0));
    const amount = fc.integer({ min: 0, max: 1000 });
    const generation = fc.integer({ min: 0, max: 3 });
    const event: fc.Arbitrary<LadingEvent> = fc.oneof(
      blob.map((one) => planned(one)),
      fc.tuple(blob, amount, generation).map(([one, at, g]) => started(one, at, g)),
      fc.tuple(blob, amount, generation).map(([one, at, g]) => bytes(one, at, g)),
      blob.map(verified),
      blob.map(exists),
      blob.map(unpackStarted),
      fc.tuple(blob, amount).map(([one, at]) => unpacking(one, at)),
      blob.map((one) => unpacked(one)),
      blob.map((one) => ({
        type: "waiting" as const,
        why: { kind: "same-download" as const, digest: one.digest },
      })),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const state = stateAfter(...events);
        for (const { offset, size, unpack } of state.blobs.values()) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(offset).toBeLessThanOrEqual(size);
          expect(unpack?.offset ?? 0).toBeLessThanOrEqual(size);
        }
        const { offset, size, complete, layers, unpacked = 0 } = totals(state);
        expect(offset).toBeLessThanOrEqual(size);
        expect(unpacked).toBeLessThanOrEqual(size);
        expect(complete).toBeLessThanOrEqual(layers);
      }),
    );
  });

  it("keeps a reference until it is done", () => {
    const resolved: LadingEvent = {
      type: "resolved",
      reference: "r",
      digest: digest("d"),
      mediaType: "t",
      size: 1,
    };
    const state = stateAfter({ type: "resolving", reference: "r", from: "registry" }, resolved);
    expect(state.references.get("r")).toMatchObject({ phase: "pulling", digest: digest("d") });
  });
});
