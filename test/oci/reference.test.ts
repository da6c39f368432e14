import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  familiarName,
  formatReference,
  parseReference,
  parseRepositoryName,
  parseTag,
} from "../../src/oci/reference.ts";
import { failure } from "./documents.ts";

/** What lading does instead of what upstream does, and why. */
interface Differs {
  valid?: boolean;
  canonical?: string;
  error?: string;
  why: string;
}

interface Matched {
  text: string;
  valid: boolean;
  parts?: string[];
  lading?: Differs;
}

interface Vectors {
  parse: {
    text: string;
    error?: string;
    repository?: string;
    domain?: string;
    tag?: string;
    digest?: string;
    lading?: Differs;
  }[];
  names: { valid: string[]; invalid: string[] };
  repositories: { texts: string[]; familiar: string; full: string; domain: string; path: string }[];
  any: { text: string; canonical: string; lading?: Differs }[];
  split: { input: string; domain: string; path: string }[];
  docker: { text: string; canonical: string; lading?: Differs }[];
  tagAndDigest: { text: string; canonical: string; familiar: string }[];
  domains: Matched[];
  fullNames: Matched[];
  references: Matched[];
  identifiers: Matched[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("./vectors/reference.json", import.meta.url), "utf8"),
);

/** A first part that docker, too, takes for a registry; any other is a namespace of docker.io. */
const isRegistry = (part: string) =>
  /[.:]/.test(part) || part === "localhost" || /[A-Z]/.test(part);

const refused = expect.objectContaining({ code: "invalid-reference" });

function parses(text: string): boolean {
  const refusal = failure(() => parseReference(text));
  if (refusal !== undefined) expect(refusal).toEqual(refused);
  return refusal === undefined;
}

describe("a reference, by the vectors of distribution/reference", () => {
  it.each(vectors.parse)("parses or refuses $text", ({ text, error, repository = "", ...rest }) => {
    const { domain = "", tag, digest, lading } = rest;
    expect(parses(text)).toBe(lading?.valid ?? error === undefined);
    if (error !== undefined) return;
    const parsed = parseReference(text);
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

  it.each(vectors.any)("spells $text out", ({ text, canonical, lading }) => {
    if (lading?.error !== undefined) {
      expect(() => parseReference(text)).toThrow(lading.error);
      return;
    }
    const expected = lading?.canonical ?? canonical;
    // Upstream adds the tag in another function.
    const tagged = /[:@][^/]*$/.test(expected) ? expected : `${expected}:latest`;
    expect(formatReference(parseReference(text))).toBe(tagged);
  });

  it.each(vectors.split)("splits $input", ({ input, domain, path }) => {
    expect(parseReference(input)).toMatchObject({ registry: domain, repository: path });
  });

  it.each(vectors.tagAndDigest)("keeps both of $text", ({ text, canonical, familiar }) => {
    expect(formatReference(parseReference(text))).toBe(canonical);
    expect(familiarName(parseReference(text))).toBe(familiar);
  });

  it.each(vectors.docker)("reads $text as docker does", ({ text, canonical, lading }) => {
    expect(formatReference(parseReference(text))).toBe(lading?.canonical ?? canonical);
  });

  it.each(vectors.domains)("knows $text as a host or not ($valid)", ({ text, valid, lading }) => {
    const fits = lading?.valid ?? valid;
    expect(parses(`${text}/name`)).toBe(fits);
    if (!fits) return;
    // A host that docker would take for a namespace is one on docker.io.
    expect(parseReference(`${text}/name`)).toMatchObject(
      isRegistry(text)
        ? { registry: text, repository: "name" }
        : { registry: "docker.io", repository: `${text}/name` },
    );
  });

  it.each(vectors.fullNames)(
    "knows $text as a name or not ($valid)",
    ({ text, valid, parts, lading }) => {
      expect(parses(text)).toBe(lading?.valid ?? valid);
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
    // The others are names, or refused for another reason.
    else if (!/[A-Z]/.test(text)) expect(parses(text)).toBe(true);
  });
});

describe("a reference", () => {
  it.each([
    "1.2.3.999/app",
    "[:::]/app",
    "[fd00123123123]/app",
    "example.com:0/app",
    "example.com:65536/app",
  ])("is refused for a registry that no URL can name: %s", (text) => {
    expect(() => parseReference(text)).toThrow(/is not a host/);
  });

  it.each([
    ["nothing", "", "it is empty"],
    ["1025 characters", "a".repeat(1025), "it is too long"],
    ["1024 characters that could be one", "a".repeat(1024), "at most 255"],
    ["white space", "alpine :3", '"alpine :3" is not an image reference: it has white space'],
    ["a line break", "alpine:3\n", "white space"],
    ["upper case, with a better one", "org/Alpine", 'did you mean "org/alpine"?'],
    ["upper case, among worse", "org/Alpine$", "lower-case letters"],
    ["a dash in front", "org/-alpine", "lower-case letters"],
    ["a path of 256 characters", `org/${"a".repeat(252)}`, "at most 255"],
    ["a tag of 129 characters", `alpine:${"a".repeat(129)}`],
    ["a tag that starts with a dot", "alpine:.."],
    ["an empty tag", "alpine:"],
    ["two digests", `alpine@sha256:${"a".repeat(64)}@sha256:${"b".repeat(64)}`],
    ["a digest with upper case (CVE-2024-3727)", `alpine@sha256:${"A".repeat(64)}`],
    ["a path out of the registry (CVE-2024-3727)", "alpine@sha256:../../x"],
    ["dots for a repository", "example.com/../app"],
    ["a percent sign", "example.com/%2e%2e/app"],
    ["user and password", "me:secret@example.com/app"],
    ["a scheme", "https://example.com/app"],
    ["a query", "example.com/app?x=1"],
  ])("is refused for %s", (_what, text, why = "") => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({
        code: "invalid-reference",
        message: expect.stringContaining(why),
        hint: expect.any(String),
      }),
    );
  });

  it("has a tag, a digest or both, and nothing in place of the other", () => {
    const [registry, repository] = ["docker.io", "library/alpine"];
    const digest = `sha256:${"a".repeat(64)}`;
    expect(parseReference("alpine")).toStrictEqual({ registry, repository, tag: "latest" });
    expect(parseReference("alpine:3")).toStrictEqual({ registry, repository, tag: "3" });
    expect(parseReference(`alpine@${digest}`)).toStrictEqual({ registry, repository, digest });
    expect(parseReference(`alpine:3@${digest}`)).toStrictEqual({
      registry,
      repository,
      tag: "3",
      digest,
    });
  });

  it("may name a registry by an address with zeros in it", () => {
    const registry = "[2001:db8:0:1::1]:5000";
    expect(parseReference(`${registry}/app`)).toMatchObject({ registry, repository: "app" });
  });

  it("has a tag of 128 characters and a path of 255 at most", () => {
    expect(parses(`alpine:${"a".repeat(128)}`)).toBe(true);
    expect(parses(`example.com/${"a".repeat(255)}`)).toBe(true);
    expect(parses(`example.com/${"a".repeat(256)}`)).toBe(false);
  });

  it.each(["docker.io/localhost/app", "docker.io/a.b/app", `docker.io/library/${"a".repeat(64)}`])(
    "keeps its registry where the short name would be another image: %s",
    (text) => {
      const parsed = parseReference(text);
      expect(parsed.registry).toBe("docker.io");
      expect(familiarName(parsed)).toBe(text);
      expect(parseReference(familiarName(parsed))).toEqual(parsed);
    },
  );

  it("is shown shortened when it is refused, however long", () => {
    for (const text of [`x.${"-".repeat(900)}/a`, `x.y/${"A".repeat(900)}`, "a".repeat(1e6)]) {
      expect(failure(() => parseReference(text))?.message.length).toBeLessThan(300);
    }
  });
});

describe("a part of a reference that comes alone", () => {
  it("is a repository name by the same rules", () => {
    expect(parseRepositoryName("library/alpine")).toBe("library/alpine");
    expect(parseRepositoryName("a".repeat(255))).toHaveLength(255);
    for (const text of ["", "Alpine", "a//b", "../a", "a/..", "a b", "a".repeat(256)]) {
      expect(() => parseRepositoryName(text)).toThrow(refused);
    }
  });

  it("is a tag by the same rules", () => {
    expect(parseTag("3.20_x-Y")).toBe("3.20_x-Y");
    for (const text of ["", ".a", "-a", "a/b", "a b", "a\n", "a".repeat(129)]) {
      expect(() => parseTag(text)).toThrow(refused);
    }
  });
});

describe("any text", () => {
  it("is a reference that survives being written, or one clear error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), pieces()), (text) => {
        const refusal = failure(() => parseReference(text));
        if (refusal !== undefined) {
          expect(refusal).toMatchObject({ code: "invalid-reference" });
          return;
        }
        const parsed = parseReference(text);
        const written = formatReference(parsed);
        expect(parseReference(written)).toEqual(parsed);
        expect(formatReference(parseReference(written))).toBe(written);
        expect(parseReference(familiarName(parsed))).toEqual(parsed);
        expect(URL.canParse(`https://${parsed.registry}/v2/${parsed.repository}/`)).toBe(true);
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
