import { LadingError } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";

/** `library/alpine`: lower case, checked, safe in a path and a URL. Made only by the parser. */
export type RepositoryName = string & { readonly __brand: "RepositoryName" };

/** A tag, checked: 128 characters at most, none of them special. Made only by the parser. */
export type Tag = string & { readonly __brand: "Tag" };

/** A parsed reference, with docker.io's short names spelled out. */
export interface Reference {
  /** `host[:port]`; `docker.io` for docker's registry. IPv6 in brackets. */
  readonly registry: string;
  readonly repository: RepositoryName;
  /** `latest` when the text named neither tag nor digest. */
  readonly tag?: Tag;
  /** Wins over the tag. */
  readonly digest?: Digest;
}

const DOCKER = "docker.io";
const DOCKER_LIBRARY = "library/";

const LABEL = "[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]";
const REGISTRY = new RegExp(
  `^(?:(?:(?:${LABEL})(?:\\.(?:${LABEL}))*)|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
);
const REPOSITORY =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** What docker takes for an image ID, never for a name. */
const IMAGE_ID = /^[a-f0-9]{64}$/;

/** Where distribution and docker stop. */
const MAX_NAME = 255;

/** Longer than any reference can be, so that what is thrown away is never scanned. */
const MAX_TEXT = 1024;

/**
 * Parses `[registry/]repository[:tag][@digest]` as docker does: the first part is a registry when it
 * has a dot or a port, is `localhost`, or has upper case; else the image is docker.io's, and one
 * without a namespace is in `library/`.
 *
 * @see https://github.com/distribution/reference for the grammar
 */
export function parseReference(text: string): Reference {
  if (text.length > MAX_TEXT) throw invalid(text, "it is too long");
  if (text === "") throw invalid(text, "it is empty");
  if (/\s/.test(text)) throw invalid(text, "it has white space in it");
  if (IMAGE_ID.test(text)) {
    throw invalid(text, "64 hex digits are an image ID, which a registry does not know");
  }
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest))
    throw invalid(text, "what follows @ is not a digest");
  const { name, tag } = splitTag(at < 0 ? text : text.slice(0, at));
  const { registry, path } = splitRegistry(name);
  const repository = parseRepository(text, registry, path);
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag: parseTag(tag) }),
    ...(digest === undefined ? {} : { digest }),
    ...(tag === undefined && digest === undefined ? { tag: parseTag("latest") } : {}),
  };
}

export function parseTag(text: string): Tag {
  if (TAG.test(text)) return text as Tag;
  throw invalid(text, "a tag has 1 to 128 letters, digits, dots, dashes and underscores");
}

export function parseRepositoryName(text: string): RepositoryName {
  if (REPOSITORY.test(text) && text.length <= MAX_NAME) return text as RepositoryName;
  throw invalid(text, repositoryFault(text));
}

/** The canonical form: `docker.io/library/alpine:latest`. */
export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  const tagged = tag === undefined ? "" : `:${tag}`;
  return `${registry}/${repository}${tagged}${digest === undefined ? "" : `@${digest}`}`;
}

/** The form that people type, and that means the same: `alpine`, `ghcr.io/org/app:1`. */
export function familiarName(reference: Reference): string {
  const { registry, repository, digest } = reference;
  const tag = reference.tag === "latest" && digest === undefined ? undefined : reference.tag;
  const { tag: _, ...rest } = reference;
  const full = formatReference(tag === undefined ? rest : { ...rest, tag });
  if (registry !== DOCKER) return full;
  const short = full.slice(DOCKER.length + 1);
  const inLibrary = repository.startsWith(DOCKER_LIBRARY);
  const name =
    inLibrary && !repository.slice(DOCKER_LIBRARY.length).includes("/")
      ? short.slice(DOCKER_LIBRARY.length)
      : short;
  // `docker.io/localhost/app` would be another registry's without its own.
  return namesRegistry(name) || IMAGE_ID.test(name) ? full : name;
}

function splitTag(text: string): { name: string; tag: string | undefined } {
  const colon = text.lastIndexOf(":");
  if (colon < 0 || text.indexOf("/", colon) >= 0) return { name: text, tag: undefined };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

function splitRegistry(name: string): { registry: string; path: string } {
  const named = namesRegistry(name);
  const slash = name.indexOf("/");
  const host = named ? name.slice(0, slash) : DOCKER;
  const registry = host === "index.docker.io" ? DOCKER : host;
  const path = named ? name.slice(slash + 1) : name;
  const inLibrary = registry === DOCKER && !path.includes("/");
  return { registry, path: inLibrary ? `${DOCKER_LIBRARY}${path}` : path };
}

function namesRegistry(name: string): boolean {
  const slash = name.indexOf("/");
  const first = name.slice(0, slash);
  return (
    slash >= 0 && (/[.:[]/.test(first) || first === "localhost" || first !== first.toLowerCase())
  );
}

/** The grammar has room for what no URL can hold: `1.2.3.999`, `[:::]`, port 65536. */
function isRegistry(text: string): boolean {
  return REGISTRY.test(text) && !/:0+$/.test(text) && URL.canParse(`https://${text}`);
}

function parseRepository(text: string, registry: string, path: string): RepositoryName {
  if (!isRegistry(registry)) {
    throw invalid(text, `${quoted(registry, 60)} is not a host with an optional port`);
  }
  if (!REPOSITORY.test(path)) throw invalid(text, repositoryFault(path));
  if (path.length > MAX_NAME) {
    throw invalid(text, `a repository has at most ${MAX_NAME} characters`);
  }
  return path as RepositoryName;
}

function repositoryFault(path: string): string {
  const lower = path.toLowerCase();
  return path !== lower && REPOSITORY.test(lower)
    ? `a repository is lower case; did you mean ${quoted(lower, 60)}?`
    : "a repository has lower-case letters and digits, with single . _ or - between them";
}

function invalid(text: string, why: string): LadingError {
  const shown = quoted(text, 120);
  return new LadingError("invalid-reference", `${shown} is not an image reference: ${why}`, {
    hint: "write it as [registry/]repository[:tag][@digest]: alpine:3.20, ghcr.io/org/app@sha256:…",
  });
}

function quoted(text: string, most: number): string {
  return JSON.stringify(text.length > most ? `${text.slice(0, most)}…` : text);
}
