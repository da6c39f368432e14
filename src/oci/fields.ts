import { LadingError } from "../errors.ts";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";

/** Readers of one field of a document. A Go writer may say `null` for what it leaves out. */

export function optionalString(object: JsonObject, key: string, where: string): string | undefined {
  const value = object[key] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw wrong(where, key, "a string");
  return value;
}

export function requiredString(object: JsonObject, key: string, where: string): string {
  const value = optionalString(object, key, where);
  if (value === undefined) throw wrong(where, key, "a string");
  return value;
}

export function optionalObject(
  object: JsonObject,
  key: string,
  where: string,
): JsonObject | undefined {
  const value = object[key] ?? undefined;
  if (value === undefined) return undefined;
  if (!isObject(value)) throw wrong(where, key, "an object");
  return value;
}

export function optionalList(
  object: JsonObject,
  key: string,
  where: string,
): readonly JsonValue[] | undefined {
  const value = object[key] ?? undefined;
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw wrong(where, key, "a list");
  return value;
}

export function optionalStrings(
  object: JsonObject,
  key: string,
  where: string,
): readonly string[] | undefined {
  const list = optionalList(object, key, where);
  if (list === undefined) return undefined;
  return list.map((value) => {
    if (typeof value !== "string") throw wrong(where, key, "a list of strings");
    return value;
  });
}

export function optionalStringMap(
  object: JsonObject,
  key: string,
  where: string,
): Readonly<Record<string, string>> | undefined {
  const map = optionalObject(object, key, where);
  if (map === undefined) return undefined;
  const entries = Object.entries(map).map(([name, value]): [string, string] => {
    if (typeof value !== "string") throw wrong(where, key, "an object of strings");
    return [name, value];
  });
  return Object.fromEntries(entries);
}

/** What stands in an object only when it has a value, for types that are exact about optionals. */
export function present<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

export function wrong(where: string, key: string, expected: string): LadingError {
  return new LadingError("malformed", `${where}: "${key}" is not ${expected}`);
}
