import type { LadingEvent } from "../../content/events.ts";
import type { LayerSummary } from "../record.ts";

/** What an image's layers could not keep, summed up: one thing to tell a person, not one a layer. */
export class ImageLosses {
  readonly #counts = new Map<string, number>();

  add({ lost }: LayerSummary): void {
    for (const [kind, count] of Object.entries(lost)) {
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    }
  }

  /** `undefined` when all was kept. */
  get warning(): LadingEvent | undefined {
    if (this.#counts.size === 0) return undefined;
    const kinds = [...this.#counts].sort(([, a], [, b]) => b - a);
    const list = kinds.map(([kind, count]) => `${count} × ${kind}`).join("; ");
    return { type: "warning", code: "unpack", message: `not kept as the image has it: ${list}` };
  }
}
