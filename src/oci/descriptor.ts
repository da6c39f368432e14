import { LadingError } from "../errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import {
  optionalObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  present,
  requiredString,
  wrong,
} from "./fields.ts";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";
import { normalizePlatform, type Platform } from "./platform.ts";

/**
 * What every OCI document uses to name content (image-spec, descriptor.md). Made by the parsers of
 * this folder; unknown fields of the source stay in the document's bytes, which are never rewritten.
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes; a safe integer, never negative. */
  readonly size: number;
  /** Where a foreign layer may be fetched from. */
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly platform?: Platform;
  /** The content itself, decoded from base64. Its size and digest are checked before use. */
  readonly data?: Uint8Array;
}

/** Parses a descriptor at `where` (for messages: `image manifest, layers[2]`). */
export function parseDescriptor(value: JsonValue | undefined, where: string): Descriptor {
  if (!isObject(value)) throw new LadingError("malformed", `${where} is not a descriptor`);
  const size = parseSize(value, where);
  return {
    mediaType: parseMediaType(requiredString(value, "mediaType", where), where),
    digest: parseDigest(requiredString(value, "digest", where)),
    size,
    ...present("urls", optionalStrings(value, "urls", where)),
    ...present("annotations", optionalStringMap(value, "annotations", where)),
    ...present("artifactType", optionalString(value, "artifactType", where)),
    ...present("platform", parsePlatformObject(value, where)),
    ...present("data", parseData(value, size, where)),
  };
}

/** RFC 6838 section 4.2: restricted names, each 127 characters at most. */
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i;

export function parseMediaType(text: string, where: string): string {
  if (MEDIA_TYPE.test(text)) return text;
  const shown = JSON.stringify(text.slice(0, 80));
  throw new LadingError("malformed", `${where}: ${shown} is not a media type`);
}

function parseSize(object: JsonObject, where: string): number {
  const size = object.size;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw wrong(where, "size", "a number of bytes from 0 to 2^53 - 1");
  }
  return size;
}

function parsePlatformObject(object: JsonObject, where: string): Platform | undefined {
  const platform = optionalObject(object, "platform", where);
  if (platform === undefined) return undefined;
  const inside = `${where}.platform`;
  return normalizePlatform({
    os: optionalString(platform, "os", inside) ?? "",
    architecture: optionalString(platform, "architecture", inside) ?? "",
    ...present("variant", optionalString(platform, "variant", inside)),
    ...present("osVersion", optionalString(platform, "os.version", inside)),
    ...present("osFeatures", optionalStrings(platform, "os.features", inside)),
  });
}

function parseData(object: JsonObject, size: number, where: string): Uint8Array | undefined {
  const base64 = optionalString(object, "data", where);
  if (base64 === undefined) return undefined;
  const data = Buffer.from(base64, "base64");
  // Buffer skips what is not base64; only text that encodes back to itself was base64.
  if (data.toString("base64") !== base64) throw wrong(where, "data", "base64");
  if (data.length !== size) throw wrong(where, "data", `the ${size} bytes that the size says`);
  return data;
}
