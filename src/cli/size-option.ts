import { LadingError } from "../errors.ts";
import { flagOf, type OptionValues, text } from "./options.ts";

/** A number of bytes from 1, with or without a binary unit: `500000`, `64K`, `10GiB`. */
export function byteSize(values: OptionValues, name: string): number | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const [, digits = "", unit = ""] = SIZE.exec(value) ?? [];
  const bytes = Number(digits) * 1024 ** UNITS.indexOf(unit);
  if (bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new LadingError("usage", `${flagOf(name)} is a size, not ${JSON.stringify(value)}`, {
    hint: "write bytes from 1, or 64K, 64KiB, 500M, 10G, 1T (times 1024 each), without a fraction",
  });
}

const SIZE = /^([0-9]{1,16})(?:([KMGT])(?:iB)?)?$/;
const UNITS: readonly string[] = ["", "K", "M", "G", "T"];
