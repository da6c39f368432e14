import * as v from "valibot";
import { nameOf, type ProblemList } from "../problem.ts";
import type { KeyPath } from "./key-positions.ts";
import { isTable, type TomlTable } from "./read-toml.ts";

/** The table as the schema's type; `undefined`, and a problem for each fault, when it is not that. */
export function checkTable<T>(
  schema: v.GenericSchema<unknown, T>,
  table: TomlTable,
  problems: ProblemList,
): T | undefined {
  const before = problems.found.length;
  checkKeys(schema, table, [], problems);
  const result = v.safeParse(schema, table);
  for (const issue of result.issues ?? []) {
    const path = (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
    problems.error(path, messageOf(issue, path));
  }
  return result.success && problems.found.length === before ? result.output : undefined;
}

function messageOf(issue: v.BaseIssue<unknown>, path: KeyPath): string {
  if (issue.input === undefined) return `"${nameOf(path)}" is missing`;
  // Messages of ours say what is needed; the others' would repeat the value, which may be a secret.
  const own = issue.kind !== "schema" || !issue.message.startsWith("Invalid ");
  return `"${nameOf(path)}": ${own ? issue.message : `a ${issue.expected ?? "value"} is needed here`}`;
}

/** As much as is looked at of a valibot schema. */
export interface SchemaNode {
  readonly type: string;
  readonly entries?: Readonly<Record<string, SchemaNode>>;
  readonly item?: SchemaNode;
  readonly value?: SchemaNode;
  readonly wrapped?: SchemaNode;
}

/** Keys that the schema does not have: a typing error must not be a setting that silently is not set. */
function checkKeys(schema: SchemaNode, value: unknown, path: KeyPath, problems: ProblemList): void {
  const node = schema.wrapped ?? schema;
  if (Array.isArray(value) && node.item !== undefined) {
    for (const [at, inner] of value.entries()) checkKeys(node.item, inner, [...path, at], problems);
  }
  if (node.type !== "object" && node.type !== "record") return;
  if (!isTable(value)) {
    // The schema says so too, but for dates, which are objects.
    if (value instanceof Date) problems.error(path, `"${nameOf(path)}": a table is needed here`);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const known = node.entries === undefined ? node.value : node.entries[key];
    if (known !== undefined) checkKeys(known, inner, [...path, key], problems);
    else problems.error([...path, key], unknownKey(key, Object.keys(node.entries ?? {})));
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  if (CREDENTIAL.test(key)) {
    return `"${key}" has no place here: sign in with lading login, or see docs/credentials.md`;
  }
  const near = nearest(key, known);
  const list = `known are ${known.join(", ")}`;
  return `"${key}" is not known; ${near === undefined ? list : `did you mean "${near}"?`}`;
}

const CREDENTIAL = /^(?:user(?:name)?|pass(?:word)?|auth|(?:identity-?)?token|secret)$/i;

const MAX_SLIPS = 3;

/** The known word that is a slip or two away. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replaceAll("_", "-");
  const [best] = known
    .map((candidate) => ({ candidate, slips: distance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.slips - b.slips);
  return best !== undefined && best.slips <= Math.min(MAX_SLIPS, word.length / 2)
    ? best.candidate
    : undefined;
}

/** Levenshtein's, on words as short as keys are; of what is too far apart only that. */
function distance(from: string, to: string): number {
  if (from.length > 64 || Math.abs(from.length - to.length) > MAX_SLIPS) return from.length;
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...from].entries()) {
    const next = [at + 1];
    for (const [other, target] of [...to].entries()) {
      const replaced = (row[other] ?? 0) + (letter === target ? 0 : 1);
      next.push(Math.min(replaced, (row[other + 1] ?? 0) + 1, (next[other] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
