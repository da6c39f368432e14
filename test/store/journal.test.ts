import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addSpan, type Span } from "../../src/content/spans.ts";
import { journalLine, readJournal } from "../../src/store/blobs/journal.ts";
import { temporaryFolder } from "../temporary.ts";

const spans = fc
  .array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 100 })), { maxLength: 8 })
  .map((list) =>
    list
      .map(([start, length]) => ({ start, end: start + length }))
      .reduce(addSpan, [] as readonly Span[]),
  );

describe("a journal", () => {
  it("gives back its last whole line, wherever it was torn", async () => {
    const path = join(await temporaryFolder(), "journal");
    await fc.assert(
      fc.asyncProperty(
        fc.array(spans, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        async (lines, cut) => {
          const text = lines.map(journalLine).join("");
          const torn = text.slice(0, cut % (text.length + 1));
          await writeFile(path, torn);
          const whole = torn.split("\n").length - 1;
          expect(await readJournal(path, 10_000)).toEqual(whole === 0 ? [] : lines[whole - 1]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("claims nothing beyond what the file holds, and nothing that is not a journal", async () => {
    const path = join(await temporaryFolder(), "journal");
    await writeFile(path, "[[0,100],[200,300]]\n");
    expect(await readJournal(path, 250)).toEqual([
      { start: 0, end: 100 },
      { start: 200, end: 250 },
    ]);
    await writeFile(path, '{"spans":[[0,5]]}\n[[5,"x"]]\n');
    expect(await readJournal(path, 250)).toEqual([]);
    expect(await readJournal(join(path, "nowhere"), 250)).toEqual([]);
  });
});
