import { describe, expect, it } from "vitest";
import { layerOptionDefinitions } from "../../src/cli/layer-options.ts";
import { ownerships } from "../../src/layer/form.ts";
import { DISK_RESERVE, unpackLimits } from "../../src/layer/limits.ts";
import { quoted, read, rowsBelow } from "./document.ts";

describe("docs/unpack.md", () => {
  it("has each limit, with its option and its default", async () => {
    const rows = rowsBelow(await read("docs/unpack.md"), "option");
    const options = layerOptionDefinitions.map(({ flags }) => flags.split(" ")[0] ?? "");
    const listed = rows.map(([option]) => quoted(option)[0] ?? "");
    expect(listed).toEqual(options.filter((option) => option.startsWith("--max-")));
    const defaults = rows.map(([, , text = ""]) => /^[0-9][0-9 ]*$/.exec(text)?.[0]);
    const numbers = defaults.map((text) => text && Number(text.replaceAll(" ", "")));
    expect(numbers).toEqual(Object.values(unpackLimits));
    expect(rows[0]?.[2]).toContain(`${DISK_RESERVE / 1024 / 1024} MiB`);
  });

  it("has each way to own files", async () => {
    const rows = rowsBelow(await read("docs/unpack.md"), "`--ownership`");
    expect(rows.map(([name]) => quoted(name)[0]).sort()).toEqual([...ownerships].sort());
  });
});
