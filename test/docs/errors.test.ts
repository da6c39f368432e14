import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { metadataLimits } from "../../src/oci/limits.ts";
import { names, quoted, read, rowsBelow } from "./document.ts";

describe("docs/errors.md", () => {
  it("has each code of the union, with the exit code that the command gives", async () => {
    const codes = await names("src/errors.ts", /^ {2}\| "([a-z-]+)"/gm);
    const listed = rowsBelow(await read("docs/errors.md"), "code");
    expect(listed.map(([code]) => quoted(code)[0]).sort()).toEqual(codes);
    for (const [code, exit] of listed)
      expect(exitCodeOf(quoted(code)[0] as ErrorCode)).toBe(Number(exit));
  });

  it("has each field of an error's document", async () => {
    const [, context = ""] = (await read("src/errors.ts")).split("export interface ErrorContext {");
    const [fields = ""] = context.split("\n}");
    const known = [...fields.matchAll(/^ {2}readonly (\w+)\?/gm)].map(([, name]) => name);
    const listed = rowsBelow(await read("docs/errors.md"), "field").flatMap(([field]) =>
      quoted(field),
    );
    expect([...listed].sort()).toEqual(["code", "message", "hint", ...known].sort());
  });

  it("has the limits of small documents", async () => {
    const rows = rowsBelow(await read("docs/errors.md"), "what");
    const bytes = (what: string): number => {
      const [, size, unit] =
        /^([0-9]+) (KiB|MiB)/.exec(rows.find(([name]) => name === what)?.[1] ?? "") ?? [];
      return Number(size) * (unit === "MiB" ? 1024 * 1024 : 1024);
    };
    expect(bytes("a manifest or an index")).toBe(metadataLimits.manifest);
    expect(bytes("a config")).toBe(metadataLimits.config);
    expect(bytes("an answer of a token server")).toBe(metadataLimits.token);
    expect(bytes("the body of an error")).toBe(metadataLimits.error);
    expect(bytes("a page of a tag list")).toBe(metadataLimits.tags);
  });
});
