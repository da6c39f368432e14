import { parse, TomlError } from "smol-toml";
import type { ProblemList } from "../problem.ts";
import { keyPositions } from "./key-positions.ts";
import { MAX_SETTINGS_BYTES } from "./limits.ts";

const MAX_DEPTH = 32;

export type TomlTable = Readonly<Record<string, unknown>>;

/** The table that TOML text is; `undefined`, and a problem, for what is no TOML. */
export function readToml(bytes: Uint8Array, problems: ProblemList): TomlTable | undefined {
  try {
    if (bytes.length > MAX_SETTINGS_BYTES) throw new RangeError("it is longer than 1 MiB");
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const table = parse(text, { maxDepth: MAX_DEPTH, unsafeKeyBehaviour: "throw" });
    problems.locate = keyPositions(text);
    return table;
  } catch (error) {
    problems.add("error", [], whyNot(error), error instanceof TomlError ? error : undefined);
    return undefined;
  }
}

/** The parser's message goes on with the line itself, which may hold what must not be shown. */
function whyNot(error: unknown): string {
  if (error instanceof TomlError) {
    return (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
  }
  return error instanceof RangeError ? error.message : "it is not UTF-8";
}

export function isTable(value: unknown): value is TomlTable {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    (Object.getPrototypeOf(value) === null || Object.getPrototypeOf(value) === Object.prototype)
  );
}
