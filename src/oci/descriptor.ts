import type { Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";

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
