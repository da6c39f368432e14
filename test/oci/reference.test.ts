import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { familiarName, formatReference, parseReference } from "../../src/oci/reference.ts";

interface Vectors {
  parse: {
    text: string;
    error?: string;
    repository?: string;
    domain?: string;
    tag?: string;
    digest?: string;
  }[];
  names: { valid: string[]; invalid: string[] };
  repositories: { texts: string[]; familiar: string; full: string; domain: string; path: string }[];
  any: { text: string; canonical: string; identifier: boolean }[];
  split: { text?: string; input: string; domain: string; path: string }[];
  docker: { text: string; canonical: string }[];
  domains: { text: string; valid: boolean }[];
  fullNames: { text: string; valid: boolean; parts?: string[] }[];
  references: { text: string; valid: boolean; parts?: string[] }[];
  identifiers: { text: string; valid: boolean }[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("./vectors/reference.json", import.meta.url), "utf8"),
);

/** Its grammar lets ports through that do not exist; lading says so at once. */
const isPort = (text: string) => Number(/:([0-9]+)$/.exec(text)?.[1] ?? 1) < 2 ** 16;

/** As names these are not what they are as references: a tag, and a path too long for docker.io. */
const NOT_NAMES = ["foo_bar.com:8080", `${"a/".repeat(128)}a`];

/** A first part that docker, too, takes for a registry; any other is a namespace of docker.io. */
const isRegistry = (part: string) =>
  /[.:]/.test(part) || part === "localhost" || /[A-Z]/.test(part);

function parses(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid-reference" });
    return false;
  }
}

describe("a reference, by the vectors of distribution/reference", () => {
  it.each(vectors.parse)("parses or refuses $text", ({ text, error, repository = "", ...rest }) => {
    if (error === "ErrDigestUnsupported" && text.includes("@sha512:")) {
      expect(parseReference(text).digest).toMatch(/^sha512:f{128}$/);
      return;
    }
    expect(parses(text)).toBe(error === undefined);
    if (error !== undefined) return;
    const parsed = parseReference(text);
    const { domain = "", tag, digest } = rest;
    if (isRegistry(domain)) {
      expect(`${parsed.registry}/${parsed.repository}`).toBe(repository);
    } else {
      expect(parsed.registry).toBe("docker.io");
      expect(parsed.repository).toBe(
        repository.includes("/") ? repository : `library/${repository}`,
      );
    }
    expect(parsed.digest).toBe(digest);
    expect(parsed.tag).toBe(tag ?? (digest === undefined ? "latest" : undefined));
  });

  it.each(vectors.names.valid)("takes the name %s", (text) => {
    expect(parses(text)).toBe(true);
  });

  it.each(vectors.names.invalid)("refuses the name %s", (text) => {
    expect(parses(text)).toBe(false);
  });

  it.each(vectors.repositories)("knows $full by all its names", (vector) => {
    for (const text of vector.texts) {
      const parsed = parseReference(text);
      expect(parsed).toMatchObject({ registry: vector.domain, repository: vector.path });
      expect(formatReference(parsed)).toBe(`${vector.full}:latest`);
      expect(familiarName(parsed)).toBe(vector.familiar);
    }
  });

  it.each(vectors.any)("spells $text out", ({ text, canonical, identifier }) => {
    // Image IDs are a daemon's; a registry has none.
    if (identifier) expect(parses(text)).toBe(text.startsWith("sha256:"));
    else
      expect(formatReference(parseReference(text)).replace(/:latest$/, "")).toBe(
        canonical.replace(/:latest$/, ""),
      );
  });

  it.each(vectors.split)("splits $input", ({ input, domain, path }) => {
    expect(parseReference(input)).toMatchObject({ registry: domain, repository: path });
  });

  it.each(vectors.docker)("reads $text as docker does", ({ text, canonical }) => {
    const { tag, ...parsed } = parseReference(text);
    // docker drops a tag beside a digest; lading keeps it for people to read and pulls by the digest.
    const { digest } = parsed;
    expect(formatReference(digest === undefined && tag ? { ...parsed, tag } : parsed)).toBe(
      canonical,
    );
  });

  it.each(vectors.domains)("knows $text as a host or not ($valid)", ({ text, valid }) => {
    if (isRegistry(text) || !valid) expect(parses(`${text}/name`)).toBe(valid && isPort(text));
  });

  it.each(vectors.fullNames.filter(({ text }) => !NOT_NAMES.includes(text)))(
    "knows $text as a name or not ($valid)",
    ({ text, valid, parts }) => {
      expect(parses(text)).toBe(valid);
      if (parts?.[0] === undefined || !isRegistry(parts[0])) return;
      expect(parseReference(text)).toMatchObject({ registry: parts[0], repository: parts[1] });
    },
  );

  it.each(vectors.references)("matches $text or not ($valid)", ({ text, valid, parts }) => {
    expect(parses(text)).toBe(valid);
    if (parts === undefined) return;
    const { tag, digest } = parseReference(text);
    expect([tag ?? "", digest ?? ""]).toEqual([parts[1], parts[2]]);
  });

  it.each(vectors.identifiers)("takes $text for an image ID or not ($valid)", ({ text, valid }) => {
    if (valid) expect(() => parseReference(text)).toThrow(/image ID/);
  });
});

describe("any text", () => {
  it("is a reference that survives being written, or one clear error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), pieces()), (text) => {
        try {
          const parsed = parseReference(text);
          const written = formatReference(parsed);
          expect(parseReference(written)).toEqual(parsed);
          expect(parseReference(familiarName(parsed))).toEqual(parsed);
        } catch (error) {
          expect(error).toBeInstanceOf(LadingError);
          expect((error as LadingError).message.length).toBeLessThan(400);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is refused in no time, however long and however repetitive", () => {
    for (const text of [
      "a".repeat(1e6),
      "a-".repeat(500),
      `${"a/".repeat(500)}!`,
      "__".repeat(510),
    ]) {
      expect(parses(text)).toBe(false);
    }
  });
});

/** Texts made of what references are made of, so that some are one. */
function pieces(): fc.Arbitrary<string> {
  const piece = fc.constantFrom(
    "a",
    "b1",
    "A",
    ".",
    "/",
    ":",
    "@",
    "-",
    "_",
    "__",
    "[::1]",
    "5000",
    "localhost",
    "docker.io",
    "sha256:",
    "f".repeat(64),
    "\n",
    "%",
    "..",
  );
  return fc.array(piece, { maxLength: 10 }).map((parts) => parts.join(""));
}
