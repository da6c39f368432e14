import type { IncomingMessage, ServerResponse } from "node:http";
import type { OpenContent } from "../content/port.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isDigest } from "../oci/digest.ts";
import { parseRepositoryName, parseTag, type RepositoryName } from "../oci/reference.ts";
import type { Gate } from "./auth.ts";
import type { ServedContent } from "./content.ts";
import { parseRange } from "./range.ts";
import { refuse } from "./refuse.ts";

export interface Serving {
  readonly content: ServedContent;
  readonly gate: Gate;
  /** `http://host:port`, as the client sees it. */
  readonly base: string;
}

const MAX_URL = 4096;
const MAX_PAGE = 1000;

/** Answers one request of the distribution API (distribution-spec, "API"), reading only. */
export async function answer(
  serving: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader("docker-distribution-api-version", "registry/2.0");
  try {
    const url = parseUrl(request);
    if (url === undefined) return refuse(response, 400, "UNSUPPORTED", "the URL is not valid");
    if (url.pathname === "/token") return giveToken(serving, request, response, url);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(response, 405, "UNSUPPORTED", "this registry is only read from");
    }
    const route = parseRoute(url.pathname);
    if (route === undefined) return refuse(response, 404, "NAME_UNKNOWN", "there is no such page");
    const repository = route.kind === "base" ? undefined : route.repository;
    if (!serving.gate.allows(request, repository)) {
      response.setHeader("www-authenticate", serving.gate.challenge(serving.base, repository));
      return refuse(response, 401, "UNAUTHORIZED", "authentication required");
    }
    await answerRoute(serving, route, url, request, response);
  } catch {
    if (!response.headersSent) refuse(response, 500, "UNKNOWN", "reading the content failed");
    else response.destroy();
  }
}

type Route =
  | { readonly kind: "base" }
  | {
      readonly kind: "manifest" | "blob";
      readonly repository: RepositoryName;
      readonly name: string;
    }
  | { readonly kind: "tags"; readonly repository: RepositoryName };

function parseUrl(request: IncomingMessage): URL | undefined {
  const url = request.url ?? "";
  if (url.length > MAX_URL || !url.startsWith("/")) return undefined;
  return URL.canParse(url, "http://host") ? new URL(url, "http://host") : undefined;
}

/** The name of a repository is checked before anything is done with it. */
function parseRoute(path: string): Route | undefined {
  if (path === "/v2" || path === "/v2/") return { kind: "base" };
  const [, name = "", kind, last = ""] =
    /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(path) ?? [];
  if (kind === undefined) return undefined;
  let repository: RepositoryName;
  try {
    repository = parseRepositoryName(name);
  } catch {
    return undefined;
  }
  if (kind === "tags") return last === "list" ? { kind: "tags", repository } : undefined;
  return { kind: kind === "blobs" ? "blob" : "manifest", repository, name: decoded(last) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function answerRoute(
  serving: Serving,
  route: Route,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const ns = url.searchParams.get("ns") ?? undefined;
  switch (route.kind) {
    case "base":
      response.setHeader("content-type", "application/json");
      response.end("{}");
      return;
    case "tags":
      return listTags(serving, route.repository, url, response);
    case "manifest": {
      const { repository, name } = route;
      const valid = isDigest(name) || /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/.test(name);
      const wanted = isDigest(name) ? name : valid ? parseTag(name) : undefined;
      const found = wanted && (await serving.content.manifest(repository, wanted, { ns }));
      if (!found) return refuse(response, 404, "MANIFEST_UNKNOWN", "there is no such manifest");
      return send(serving, found, found.mediaType, request, response);
    }
    case "blob": {
      const { repository, name } = route;
      if (!isDigest(name)) return refuse(response, 400, "DIGEST_INVALID", "that is not a digest");
      const found = await serving.content.blob(repository, name, { ns });
      if (!found) return refuse(response, 404, "BLOB_UNKNOWN", "there is no such blob");
      return send(serving, found, "application/octet-stream", request, response);
    }
  }
}

async function send(
  { content }: Serving,
  descriptor: Descriptor,
  mediaType: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { digest, size } = descriptor;
  const etag = `"${digest}"`;
  response.setHeader("docker-content-digest", digest);
  response.setHeader("etag", etag);
  response.setHeader("accept-ranges", "bytes");
  response.setHeader("content-type", mediaType);
  if (matches(request.headers["if-none-match"], etag)) {
    response.writeHead(304).end();
    return;
  }
  const range = parseRange(request.headers.range, size);
  if (range.kind === "unsatisfiable") {
    response.setHeader("content-range", `bytes */${size}`);
    return refuse(response, 416, "RANGE_INVALID", `the content has ${size} bytes`);
  }
  const { offset, length } = range.kind === "part" ? range : { offset: 0, length: size };
  if (range.kind === "part") {
    response.setHeader("content-range", `bytes ${offset}-${offset + length - 1}/${size}`);
  }
  response.writeHead(range.kind === "part" ? 206 : 200, { "content-length": length });
  if (request.method === "HEAD" || length === 0) {
    response.end();
    return;
  }
  await pour(await content.open(descriptor, { offset, length }), response);
}

/** Never faster than the client takes it; hangs up on the source when the client does. */
async function pour(content: OpenContent, response: ServerResponse): Promise<void> {
  const stop = (): void => content.cancel();
  response.once("close", stop);
  try {
    await content.read(async (bytes) => {
      if (response.destroyed) throw new Error("the client hung up");
      await new Promise<void>((resolve, reject) => {
        response.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    });
    response.end();
  } finally {
    response.off("close", stop);
    content.cancel();
  }
}

async function listTags(
  { content }: Serving,
  repository: RepositoryName,
  url: URL,
  response: ServerResponse,
): Promise<void> {
  const ns = url.searchParams.get("ns") ?? undefined;
  const tags = await content.tags(repository, { ns });
  if (tags === undefined)
    return refuse(response, 404, "NAME_UNKNOWN", "there is no such repository");
  const asked = Number(url.searchParams.get("n") ?? MAX_PAGE);
  // CVE-2023-2253: what is asked for does not decide how much is held.
  const count = Number.isInteger(asked) && asked >= 0 ? Math.min(asked, MAX_PAGE) : MAX_PAGE;
  const last = url.searchParams.get("last");
  const after = last === null ? tags : tags.filter((tag) => tag > last);
  const page = after.slice(0, count);
  const end = page.at(-1);
  if (end !== undefined && after.length > page.length) {
    const query = new URLSearchParams({ n: String(count), last: end });
    response.setHeader("link", `</v2/${repository}/tags/list?${query}>; rel="next"`);
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ name: repository, tags: page }));
}

function giveToken(
  { gate }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): void {
  const scopes = url.searchParams.getAll("scope").flatMap((scope) => scope.split(" "));
  const token = request.method === "GET" ? gate.token(request, scopes.slice(0, 32)) : undefined;
  if (token === undefined) {
    refuse(response, 401, "UNAUTHORIZED", "wrong user or password");
    return;
  }
  response.setHeader("content-type", "application/json");
  response.setHeader("cache-control", "no-store");
  response.end(JSON.stringify(token));
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(",")
    .some((tag) => tag.trim().replace(/^W\//, "") === etag || tag.trim() === "*");
}
