import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHostsToml } from "../../../src/registry/settings/toml/hosts-toml.ts";
import { parseLadingToml } from "../../../src/registry/settings/toml/lading-toml.ts";
import { shown } from "./shown.ts";

const folder = join(import.meta.dirname, "vectors");
const PATH = "/etc/x/file.toml";

const PARSERS = {
  hosts: (bytes: Uint8Array) => {
    const { patch, problems } = parseHostsToml(bytes, PATH);
    const { origins: _, ...said } = patch;
    return { said, problems: problems.found };
  },
  lading: (bytes: Uint8Array) => {
    const { defaults, registries, problems } = parseLadingToml(bytes, PATH);
    const { origins: _, ...all } = defaults;
    const said = [...registries].map(([name, { origins: __, ...patch }]) => [name, patch]);
    return { said: { defaults: all, ...Object.fromEntries(said) }, problems: problems.found };
  },
} as const;

for (const kind of ["hosts", "lading"] as const) {
  describe(`a ${kind} file`, async () => {
    const names = (await readdir(join(folder, kind))).filter((name) => name.endsWith(".toml"));
    it.each(names)("%s means what its JSON says", async (name) => {
      const text = await readFile(join(folder, kind, name));
      const expected = await readFile(join(folder, kind, name.replace("toml", "json")), "utf8");
      expect(shown(PARSERS[kind](text))).toEqual(JSON.parse(expected));
    });

    it("of any text is settings or problems, never a fault", () => {
      const word = fc.constantFrom(
        ...["[", "]", "[[", "]]", "=", ".", ",", "{", "}", '"', "'", "\n", "#", " "],
        ...["host", "server", "ca", "client", "header", "capabilities", "registry", "defaults"],
        ...["mirror", "url", "proxy", "timeouts", "true", "1", "-1", "1.5", "2020-01-01", '"x"'],
        ...['"https://a"', '"5s"', "skip_verify", "__proto__", "constructor", "dial_timeout"],
      );
      const text = fc.oneof(
        fc.array(word).map((words) => words.join("")),
        statements(),
        fc.string(),
      );
      fc.assert(
        fc.property(text, (given) => {
          const { problems } = PARSERS[kind](Buffer.from(given));
          for (const problem of problems) expect(problem.message).not.toMatch(/\n|undefined/);
        }),
        { numRuns: 1000 },
      );
    });

    it("of any bytes too", () => {
      fc.assert(
        fc.property(fc.uint8Array(), (bytes) => {
          PARSERS[kind](bytes);
        }),
      );
      expect(PARSERS[kind](Uint8Array.of(0xff)).problems).toMatchObject([
        { message: "it is not UTF-8" },
      ]);
      expect(PARSERS[kind](new Uint8Array(1024 * 1024 + 1)).problems).toHaveLength(1);
    });
  });
}

/** Lines that are TOML, with keys that are known and values of every type. */
function statements() {
  const key = fc.constantFrom(
    ...["server", "ca", "client", "header", "capabilities", "proxy", "dial_timeout", "host"],
    ...["registry", "defaults", "skip_verify", "override_path", "registry.a", "registry.a.mirror"],
    ...["registry.a.client", "registry.a.headers", "defaults.timeouts", "defaults.ca", "host.a.ca"],
  );
  const value = fc.constantFrom(
    ...['"x"', '""', "1", "true", "[]", "{}", "[1]", '["x"]', '[["a", "b"]]', "[[]]", "1979-05-27"],
    ...['{ a = "b" }', '[{ url = "https://a" }]', '"none"', '{ connect = "5s" }', "nan", "inf"],
  );
  const line = fc.tuple(key, value).map(([name, given]) => `${name} = ${given}`);
  return fc.array(line, { maxLength: 6 }).map((lines) => lines.join("\n"));
}

it("an error of a settings file never repeats what it holds", () => {
  const text =
    '[registry.a]\nheaders = { x-a = "SECRET" }\nproxy = "ftp://me:SECRET@a"\nserver = "https://me:SECRET@a"';
  for (const parse of Object.values(PARSERS)) {
    const broken = [text, `${text}\n"SECRET`, text.replace('"SECRET" }', '"SECRET\u0001" }')];
    for (const one of broken)
      expect(JSON.stringify(parse(Buffer.from(one)).problems)).not.toContain("SECRET");
  }
});
