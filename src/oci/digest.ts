import { LadingError } from "../errors.ts";

/** The digest algorithms that image-spec registers and lading can compute. */
export type DigestAlgorithm = "sha256" | "sha384" | "sha512";

/** `algorithm:hex`, checked. Made only by {@link parseDigest}, so it is safe in a path or a URL. */
export type Digest = string & { readonly __brand: "Digest" };

/** The digest of a layer's uncompressed tar. */
export type DiffId = Digest & { readonly __diffId: true };

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = {
  sha256: 64,
  sha384: 96,
  sha512: 128,
};

/**
 * Parses a digest by the strict grammar of image-spec (descriptor.md, "Digests"): a registered
 * algorithm, a colon, lower-case hex of exactly that algorithm's length.
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new LadingError("malformed", `not a digest: ${JSON.stringify(text.slice(0, 160))}`, {
      hint: "a digest is sha256:, sha384: or sha512: and lower-case hex of that algorithm's length",
    });
  }
  return text;
}

export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, colon);
  if (!isAlgorithm(algorithm)) return false;
  const hex = text.slice(colon + 1);
  return hex.length === HEX_LENGTH[algorithm] && /^[0-9a-f]+$/.test(hex);
}

export function parseDiffId(text: string): DiffId {
  return parseDigest(text) as DiffId;
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The first twelve hex digits: what people compare by eye. */
export function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}

function isAlgorithm(text: string): text is DigestAlgorithm {
  return text === "sha256" || text === "sha384" || text === "sha512";
}
