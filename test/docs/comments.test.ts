import { describe, expect, it } from "vitest";
import { names, quoted, read } from "./document.ts";

/** The comment that stands before a declaration. */
async function commentBefore(file: string, declaration: string): Promise<string> {
  const [before = "", after] = (await read(file)).split(`\n${declaration}`);
  expect(after, `${declaration} in ${file}`).toBeDefined();
  return before.slice(before.lastIndexOf("/**"));
}

describe.each([
  ["src/verbs/once.ts", "export function unpack("],
  ["src/verbs/once.ts", "export function bundle("],
  ["src/verbs/open.ts", "  mount("],
])("the comment in %s of %s", (file, declaration) => {
  it("says what is thrown, by codes that there are", async () => {
    const known = await names("src/errors.ts", /^ {2}\| "([a-z-]+)"/gm);
    const [, thrown = ""] = (await commentBefore(file, declaration)).split("@throws {LadingError}");
    const lines = [...thrown.matchAll(/^\s*\* - (`.*?`):/gm)];
    const codes = lines.flatMap(([, list]) => quoted(list));
    expect(codes.length).toBeGreaterThan(2);
    for (const code of codes) expect(known).toContain(code);
  });

  it("has units, a source and an example", async () => {
    const comment = await commentBefore(file, declaration);
    expect(comment).toMatch(/image-spec|runtime-spec|kernel documentation/);
    expect(comment).toContain("@example");
    if (!comment.includes("that of {@link unpack}")) {
      expect(comment.replace(/\s*\*\s*/g, " ")).toMatch(/bytes.*milliseconds/);
    }
  });
});
