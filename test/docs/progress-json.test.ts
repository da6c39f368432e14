import { describe, expect, it } from "vitest";
import { createRegistry, randomImage } from "../../src/testkit/index.ts";
import { lading } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { names, quoted, read, rowsBelow, tables } from "./document.ts";

describe("docs/progress-json.md", () => {
  const own = ["note", "error"];

  async function fieldsByType(): Promise<ReadonlyMap<string, readonly string[]>> {
    const rows = rowsBelow(await read("docs/progress-json.md"), "`type`");
    return new Map(rows.map(([type, fields]) => [quoted(type)[0] ?? "", quoted(fields)]));
  }

  function expectDocumented(line: Record<string, unknown>, fields: readonly string[]): void {
    const { v, time, type, ...rest } = line;
    expect(v).toBe(1);
    expect(new Date(String(time)).toISOString()).toBe(time);
    const required = fields.filter((field) => !field.endsWith("?"));
    expect(Object.keys(rest), String(type)).toEqual(expect.arrayContaining(required));
    expect(
      fields.map((field) => field.replace("?", "")),
      String(type),
    ).toEqual(expect.arrayContaining(Object.keys(rest)));
  }

  it("has each type of event, each reason to wait and each warning, and no other", async () => {
    const source = "src/content/events.ts";
    const text = await read("docs/progress-json.md");
    const types = await names(source, /type: "([a-z-]+)"/g);
    expect([...(await fieldsByType()).keys()].sort()).toEqual([...types, ...own].sort());
    const kinds = rowsBelow(text, "`kind`").flatMap(([kind]) => quoted(kind));
    expect(kinds.sort()).toEqual(await names(source, /kind: "([a-z-]+)"/g));
    const codes = rowsBelow(text, "`code`").flatMap(([code]) => quoted(code));
    expect(codes.sort()).toEqual(await names(source, /^ {2}\| "([a-z-]+)"/gm));
  });

  it("describes each field that a type has", async () => {
    const all = tables(await read("docs/progress-json.md"));
    const [, fields = []] = all.filter(([heading]) => heading?.[0] === "field");
    const described = fields.flatMap(([names]) => quoted(names));
    for (const field of [...(await fieldsByType()).values()].flat()) {
      expect(described).toContain(field.replace("?", ""));
    }
  });

  it("shows a line of each type, with the fields that it has", async () => {
    const [, shown = ""] =
      /^```ndjson\n(.*?)^```/ms.exec(await read("docs/progress-json.md")) ?? [];
    const lines = shown
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const fields = await fieldsByType();
    expect(lines.map(({ type }) => type).sort()).toEqual([...fields.keys()].sort());
    for (const line of lines) expectDocumented(line, fields.get(line.type) ?? []);
  });

  it("describes the lines that pulls print", async () => {
    await using registry = await createRegistry();
    registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
    const home = await temporaryFolder();
    const fields = await fieldsByType();
    const seen = new Set<string>();
    const calls = [["app:1"], ["app:1"], ["app:none"], ["app:1", "--unpack"]];
    for (const [name, ...options] of calls) {
      const shown = ["--progress", "json", "--verbose"];
      const args = ["pull", ...shown, `${registry.address}/${name}`, ...options];
      const { stderr } = await lading(args, { home });
      for (const text of stderr.trimEnd().split("\n")) {
        const line = JSON.parse(text);
        seen.add(line.type);
        expectDocumented(line, fields.get(line.type) ?? []);
      }
    }
    const usual = [
      "resolving",
      "resolved",
      "planned",
      "exists",
      "started",
      "bytes",
      "verified",
      "unpack-started",
      "unpacked",
      "request",
      "done",
      "error",
    ];
    expect([...seen].sort()).toEqual(usual.sort());
  });
});
