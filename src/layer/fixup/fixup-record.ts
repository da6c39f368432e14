import { LadingError } from "../../errors.ts";
import { type DiffId, parseDiffId } from "../../oci/digest.ts";
import { isObject, type JsonValue, parseJson } from "../../oci/json.ts";

/** What a fix-up layer is for: `fixup.json`, beside its `rootfs/`. */
export interface FixupRecord {
  /** Bottom first. */
  readonly chain: readonly DiffId[];
  readonly form: string;
  /** The stack is exact as it is; there is no `rootfs/`. */
  readonly empty: boolean;
  /** Bytes of files in it. */
  readonly bytes: number;
  /** The boot during which it was made; it is not trusted after another. */
  readonly bootId: string;
}

const SCHEMA = 1;
export const MAX_FIXUP_RECORD_BYTES: number = 1024 * 1024;

export function formatFixupRecord(record: FixupRecord): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ schema: SCHEMA, ...record })}\n`);
}

/** Reads one back; anything odd means that it has to be made again. */
export function parseFixupRecord(bytes: Uint8Array): FixupRecord {
  const value = parseJson(bytes, { what: "fixup.json", maxBytes: MAX_FIXUP_RECORD_BYTES });
  if (!isObject(value) || value.schema !== SCHEMA || !Array.isArray(value.chain)) throw odd();
  const { bytes: size } = value;
  if (typeof size !== "number") throw odd();
  return {
    chain: value.chain.map((diffId) => parseDiffId(text(diffId))),
    form: text(value.form),
    empty: value.empty === true,
    bytes: size,
    bootId: text(value.bootId),
  };
}

function text(value: JsonValue | undefined): string {
  if (typeof value !== "string") throw odd();
  return value;
}

function odd(): LadingError {
  return new LadingError("store-corrupt", "fixup.json is damaged");
}
