import { createHash } from "node:crypto";
import { verifyBytes } from "../content/transfer/verify.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { digestAlgorithm, isDigest, parseDigest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import { parseManifest } from "../oci/manifest.ts";
import { isManifestType } from "../oci/media-types.ts";
import type { HttpResponse } from "./http/message.ts";

export interface RawManifest {
  readonly descriptor: Descriptor;
  /** As they came; their hash is the descriptor's digest. */
  readonly bytes: Uint8Array;
}

/** The manifest in an answer to a GET by tag or digest, verified where a digest is known. */
export async function readManifest(response: HttpResponse, name: string): Promise<RawManifest> {
  const bytes = await response.body.bytes(metadataLimits.manifest);
  const announced = response.headers["docker-content-digest"] ?? "";
  const expected = isDigest(name) ? name : isDigest(announced) ? announced : undefined;
  const algorithm = expected === undefined ? "sha256" : digestAlgorithm(expected);
  const hex = createHash(algorithm).update(bytes).digest("hex");
  const { mediaType } = parseManifest(bytes, { mediaType: response.headers["content-type"] });
  const digest = expected ?? parseDigest(`${algorithm}:${hex}`);
  const descriptor: Descriptor = { mediaType, digest, size: bytes.length };
  // The header is only a hint, but one that contradicts the bytes says that something is wrong.
  verifyBytes(descriptor, bytes);
  return { descriptor, bytes };
}

/** What the answer to a HEAD by tag or digest describes; `undefined` when it does not say enough. */
export function describeHead({ headers }: HttpResponse, name: string): Descriptor | undefined {
  const digest = isDigest(name) ? name : (headers["docker-content-digest"] ?? "");
  const mediaType = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const size = parseLength(headers["content-length"]);
  if (!isDigest(digest) || !isManifestType(mediaType)) return undefined;
  if (size === undefined || size === 0 || size > metadataLimits.manifest) return undefined;
  return { mediaType, digest, size };
}

export function parseLength(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}
