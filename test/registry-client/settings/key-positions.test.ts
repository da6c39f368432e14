import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { describe, expect, it } from "vitest";
import { keyPositions } from "../../../src/registry/settings/toml/key-positions.ts";

const TEXT = `# comment with [brackets] and a = b
title = "a # no comment"

[defaults]
ca = [ # one
  "x.pem", # two ]
  'y.pem',
]
timeouts = { connect = "5s", "idle" = "1s" }
timeouts-2.idle = """
[not.a.table]
x = "y" """

[registry."docker.io"]
server = 'https://registry-1.docker.io'
  [[registry."docker.io".mirror]]
  url = "https://a"
  [registry."docker.io".mirror.headers]
  x-team = "b"

[[registry."docker.io".mirror]]
url = "https://c"
client = [{ cert = "c", key = "k" }, { cert = "d" }]
[registry."g\\u0068cr.io"]
http = true
`;

describe("where a key of a TOML document stands", () => {
  it.each<[(string | number)[], string]>([
    [["title"], "2:1"],
    [["defaults"], "4:2"],
    [["defaults", "ca"], "5:1"],
    [["defaults", "ca", 1], "7:3"],
    [["defaults", "timeouts", "idle"], "9:30"],
    [["defaults", "timeouts-2", "idle"], "10:12"],
    [["registry", "docker.io", "server"], "15:1"],
    [["registry", "docker.io", "mirror", 0, "url"], "17:3"],
    [["registry", "docker.io", "mirror", 0, "headers", "x-team"], "19:3"],
    [["registry", "docker.io", "mirror", 1, "url"], "22:1"],
    [["registry", "docker.io", "mirror", 1, "client", 1, "cert"], "23:40"],
    [["registry", "ghcr.io", "http"], "25:1"],
    // Of what is not there: the nearest that is.
    [["registry", "ghcr.io", "server"], "24:11"],
  ])("%j is at %s", (path, expected) => {
    const position = keyPositions(TEXT)(path);
    expect(`${position?.line}:${position?.column}`).toBe(expected);
  });

  it("is found for every key of any document, and the key stands there", () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean());
    const table = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: "small" }, value, tie("table"), tie("list")),
      list: fc.oneof(fc.array(value), fc.array(tie("table"), { minLength: 1 })),
      table: fc.dictionary(fc.oneof(fc.string(), fc.stringMatching(/^[a-z]{1,5}$/)), tie("value"), {
        maxKeys: 5,
      }),
    })).table;
    fc.assert(
      fc.property(table, (document) => {
        const text = stringify(document);
        const locate = keyPositions(text);
        for (const path of pathsOf(parse(text))) {
          const key = String(path.at(-1));
          const { line = 0, column = 0 } = locate(path) ?? {};
          const rest = text.split("\n")[line - 1]?.slice(column - 1) ?? "";
          const [, written = ""] = /^("(?:[^"\\]|\\.)*"|[A-Za-z0-9_-]+)/.exec(rest) ?? [];
          expect(
            Object.keys(parse(`${written} = 1`)),
            `${JSON.stringify(path)} in ${text}`,
          ).toEqual([key]);
        }
      }),
    );
  });

  it("of what is no TOML ends all the same", () => {
    const piece = fc.constantFrom(..."[]{}=.,\"'#\n a1".split(""), '"""', "[[", "]]");
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join("")),
        (text) => {
          keyPositions(text)(["a"]);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

/** The paths to all keys of tables; elements of lists have no key. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (Array.isArray(value)) return value.flatMap((inner, at) => pathsOf(inner, [...path, at]));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    [...path, key],
    ...pathsOf(inner, [...path, key]),
  ]);
}
