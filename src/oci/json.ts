import { LadingError } from "../errors.ts";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export interface JsonLimits {
  /** For messages: "image manifest". */
  readonly what: string;
  readonly maxBytes: number;
  /** Default 64. */
  readonly maxDepth?: number;
}

/**
 * Parses a document that came from outside. Beyond RFC 8259: the bytes are UTF-8 without a byte order
 * mark, no object names a key twice (I-JSON, RFC 7493 section 2.3; two parsers would read two
 * documents), nesting and size are bounded.
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits): JsonValue {
  const { what, maxBytes, maxDepth = 64 } = limits;
  if (bytes.length > maxBytes) {
    throw new LadingError("limit-exceeded", `the ${what} is larger than ${maxBytes} bytes`);
  }
  const text = decode(bytes, what);
  const value = parse(text, what);
  checkKeysAndDepth(text, what, maxDepth);
  return value;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LadingError("malformed", `the ${what} is not UTF-8`, { cause });
  }
}

function parse(text: string, what: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    const html = /^\s*</.test(text);
    throw new LadingError("malformed", `the ${what} is not JSON`, {
      cause,
      hint: html
        ? "the answer is a web page: a proxy, a login page or a wrong path stands in for the registry"
        : "whoever wrote or sent it is at fault: the registry, or a proxy in front of it",
    });
  }
}

/** One pass over text that is known to be JSON: only strings, braces and brackets matter. */
function checkKeysAndDepth(text: string, what: string, maxDepth: number): void {
  const open: (Set<string> | undefined)[] = [];
  let expectKey = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        if (expectKey && keys !== undefined) {
          addKey(keys, text.slice(at, end + 1), what, at);
          expectKey = false;
        }
        at = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const object = text.charCodeAt(at) === OPEN_BRACE;
        open.push(object ? new Set() : undefined);
        expectKey = object;
        if (open.length > maxDepth) {
          throw new LadingError(
            "limit-exceeded",
            `the ${what} nests deeper than ${maxDepth} levels`,
          );
        }
        break;
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop();
        expectKey = false;
        break;
      case COMMA:
        expectKey = open.at(-1) !== undefined;
        break;
    }
  }
}

function addKey(keys: Set<string>, quoted: string, what: string, at: number): void {
  const key = quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
  if (keys.has(key)) {
    const shown = JSON.stringify(key.slice(0, 80));
    throw new LadingError("malformed", `the ${what} names ${shown} twice, at character ${at}`);
  }
  keys.add(key);
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
