import type { LadingEvent, OperationOptions } from "../../content/events.ts";

/** What unpacking came to, over all images of a call. */
export interface UnpackTotals {
  /** As often as they stand in the images. */
  readonly layers: number;
  /** Those of them that were unpacked before. */
  readonly existed: number;
  /** Entries of the others' tars, whiteouts included. */
  readonly entries: number;
  /** Bytes of file content that were written; holes are not. */
  readonly written: number;
}

/** Counts, from the events, what is unpacked with these options. */
export function countUnpacked<T extends OperationOptions>(
  options: T,
): { readonly options: T; readonly totals: () => UnpackTotals } {
  let totals: UnpackTotals = { layers: 0, existed: 0, entries: 0, written: 0 };
  const onEvent = (event: LadingEvent): void => {
    if (event.type === "unpacked") {
      totals = {
        layers: totals.layers + 1,
        existed: totals.existed + (event.existed ? 1 : 0),
        entries: totals.entries + event.entries,
        written: totals.written + event.written,
      };
    }
    options.onEvent?.(event);
  };
  return { options: { ...options, onEvent }, totals: () => totals };
}
