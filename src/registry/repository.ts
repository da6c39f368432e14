import type { OperationOptions } from "../content/events.ts";
import type {
  ContentSource,
  ForeignSource,
  OpenContent,
  OpenRange,
  ParallelRanges,
} from "../content/port.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { isImageConfigType, isManifestType, mediaTypes } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { failedResponse } from "./failed-response.ts";
import { openForeign } from "./foreign.ts";
import type { HttpRequest, HttpResponse, Priority, RequestScope, Send } from "./http/message.ts";
import { describeHead, parseLength, type RawManifest, readManifest } from "./manifest-answer.ts";
import type { Breaker } from "./mirrors/breaker.ts";
import { openRanged } from "./open-ranged.ts";
import { parseRateLimit, type RateLimit } from "./rate-limit.ts";
import { listTags, type TagOptions } from "./tags.ts";

export type ParallelOptions = ParallelRanges;

export interface RepositoryOptions {
  readonly registry: string;
  readonly repository: RepositoryName;
  /** Of the registry: what `/v2/` stands for. */
  readonly base: URL;
  readonly parallel?: Partial<ParallelOptions> | undefined;
  /** Told of mirrors that send what they should not. */
  readonly breaker: Breaker;
}

const MiB = 1024 * 1024;
const DEFAULT_PARALLEL: ParallelOptions = {
  above: 64 * MiB,
  chunk: 16 * MiB,
  streams: 4,
  helpAfterMs: 300,
};

/** All that lading reads, and what makes older registries send it rather than something converted. */
const ACCEPT = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
  mediaTypes.ociArtifact,
].join(", ");

/** A repository of a registry (distribution-spec), behind the port. */
export class Repository implements ContentSource {
  readonly name: string;
  readonly parallel: ParallelRanges;
  readonly foreign: ForeignSource;
  readonly #send: Send;
  readonly #options: RepositoryOptions;
  readonly #base: URL;
  /** The mirrors that sent something of a digest, by their base. */
  readonly #served = new Map<Digest, Map<string, URL>>();
  /** A manifest that had to be fetched to be resolved is not fetched again to be read. */
  readonly #resolved = new Map<Digest, Uint8Array>();

  constructor(send: Send, options: RepositoryOptions) {
    const { registry, repository } = options;
    this.name = `registry ${registry}/${repository}`;
    this.#send = send;
    this.#options = options;
    this.#base = new URL(`${repository}/`, options.base);
    this.parallel = { ...DEFAULT_PARALLEL, ...options.parallel };
    this.foreign = {
      open: (descriptor, range, options = {}) =>
        openForeign(this.#send, this.#request("GET", "", options), descriptor, range),
    };
  }

  /**
   * What a tag or digest stands for, by HEAD, which costs no quota. Where HEAD is refused, or answers
   * without a digest that can be used, GET decides. What a mirror says counts once its manifest is here.
   */
  async resolve(name: string, options: OperationOptions = {}): Promise<Descriptor> {
    const head = await this.#send(this.#manifest("HEAD", name, options));
    await head.body.bytes(0).catch(() => head.body.cancel());
    const described = head.status === 200 ? describeHead(head, name) : undefined;
    if (described !== undefined && head.mirror === undefined) return described;
    if (![200, 404].includes(head.status) && !REFUSES_HEAD.has(head.status)) {
      throw await this.#failed(head, `resolving ${name}`);
    }
    try {
      const { descriptor, bytes } = await this.fetchManifest(described?.digest ?? name, options);
      this.#resolved.clear();
      this.#resolved.set(descriptor.digest, bytes);
      return descriptor;
    } catch (error) {
      // What it names is nowhere to be had: it does not name anything for us again.
      if (!this.#isMirrors(head, name, error, options)) throw error;
      return this.resolve(name, options);
    }
  }

  /** The manifest that a tag or digest names, with the hash of its bytes, verified where one is known. */
  async fetchManifest(name: string, options: OperationOptions = {}): Promise<RawManifest> {
    const response = await this.#send(this.#manifest("GET", name, options));
    if (response.status !== 200)
      throw await this.#failed(response, `fetching the manifest ${name}`);
    try {
      return await readManifest(response, name);
    } catch (error) {
      if (!this.#isMirrors(response, name, error, options)) throw error;
      return this.fetchManifest(name, options);
    }
  }

  /** What the registry itself says one may still ask of it; `undefined`: nothing. */
  async rateLimit(name: string, options: OperationOptions = {}): Promise<RateLimit | undefined> {
    const request = this.#manifest("HEAD", name, options);
    const head = await this.#send({ ...request, scope: { ...request.scope, need: undefined } });
    await head.body.bytes(0).catch(() => head.body.cancel());
    const limit = parseRateLimit(head.headers);
    if (limit === undefined && head.status !== 200) {
      throw await this.#failed(head, `asking for ${name}`);
    }
    return limit;
  }

  /** The size of a blob, which a reference does not tell. */
  async describeBlob(digest: Digest, options: OperationOptions = {}): Promise<Descriptor> {
    const mediaType = "application/octet-stream";
    const head = await this.#send(this.#request("HEAD", `blobs/${digest}`, options));
    await head.body.bytes(0).catch(() => head.body.cancel());
    const size = head.status === 200 ? parseLength(head.headers["content-length"]) : undefined;
    if (size !== undefined) return { mediaType, digest, size };
    const probe = this.#request("GET", `blobs/${digest}`, options);
    const response = await this.#send(withRange(probe, "bytes=0-0"));
    if (response.status !== 200 && response.status !== 206) {
      throw await this.#failed(response, `fetching the blob ${digest}`);
    }
    response.body.cancel();
    const total = /\/([0-9]+)$/.exec(response.headers["content-range"] ?? "")?.[1];
    const length = response.status === 206 ? total : response.headers["content-length"];
    const found = parseLength(length);
    if (found !== undefined) return { mediaType, digest, size: found };
    throw new LadingError(
      "registry-unavailable",
      "the registry does not say how large the blob is",
      {
        digest,
      },
    );
  }

  /** By HEAD; where that is refused (ECR's public registry: 401), by a byte of it. */
  async has(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    const head = await this.#send(this.#content("HEAD", descriptor, ACCEPT, options));
    await head.body.bytes(0).catch(() => head.body.cancel());
    const found = REFUSES_HEAD.has(head.status) ? await this.#firstByte(descriptor, options) : head;
    if (found.status === 200 || found.status === 206) return true;
    if (found.status === 404) {
      found.body.cancel();
      return false;
    }
    throw await this.#failed(found, `looking for ${descriptor.digest}`);
  }

  async #firstByte(descriptor: Descriptor, options: OperationOptions): Promise<HttpResponse> {
    const request = this.#content("GET", descriptor, ACCEPT, options);
    const response = await this.#send(withRange(request, "bytes=0-0"));
    if (response.status < 300) response.body.cancel();
    return response;
  }

  async open(
    descriptor: Descriptor,
    range: OpenRange,
    options: OperationOptions = {},
  ): Promise<OpenContent> {
    const resolved = this.#resolved.get(descriptor.digest);
    if (resolved !== undefined) return inMemory(resolved, range);
    const accept = isManifestType(descriptor.mediaType) ? descriptor.mediaType : "*/*";
    const request = this.#content("GET", descriptor, accept, options);
    return openRanged(descriptor, range, {
      send: async (headers) => {
        const response = await this.#send(withHeaders(request, headers));
        this.#noteMirror(descriptor.digest, response);
        return response;
      },
      failed: (response) => this.#failed(response, `fetching ${descriptor.digest}`),
    });
  }

  /** Which mirrors the bytes came from is known; they are not asked for them again. */
  distrust({ digest }: Descriptor, options: OperationOptions = {}): boolean {
    const served = this.#served.get(digest);
    for (const mirror of served?.values() ?? []) this.#accuse(mirror, digest, options);
    return this.#served.delete(digest);
  }

  tags(options: TagOptions = {}): AsyncIterable<string> {
    return listTags(this.#send, this.#request("GET", "tags/list", options), options, (response) =>
      this.#failed(response, "listing the tags"),
    );
  }

  #noteMirror(digest: Digest, { mirror }: HttpResponse): void {
    if (mirror === undefined) return;
    const served = this.#served.get(digest) ?? new Map<string, URL>();
    this.#served.set(digest, served.set(mirror.href, mirror));
  }

  /** Whether an answer that will not do came from a mirror, which then is not asked again for it. */
  #isMirrors(
    { mirror }: HttpResponse,
    name: string,
    error: unknown,
    options: OperationOptions,
  ): boolean {
    const ours = !(error instanceof LadingError) || error.code === "aborted";
    if (mirror === undefined || ours) return false;
    if (error.code === "network") this.#options.breaker.failed(mirror);
    else this.#accuse(mirror, name, options);
    return true;
  }

  #accuse(mirror: URL, name: string, { onEvent }: OperationOptions): void {
    const { breaker, registry, repository } = this.#options;
    breaker.distrusted(mirror, { repository, name });
    const restMs = breaker.failed(mirror);
    const reason = `what it sent is not ${name}`;
    onEvent?.({ type: "mirror", registry, mirror: mirror.origin, reason, restMs });
  }

  #manifest(method: "GET" | "HEAD", name: string, options: OperationOptions): HttpRequest {
    const need = isDigest(name) ? "pull" : "resolve";
    const request = this.#request(method, `manifests/${name}`, options, ACCEPT, {
      need,
      subject: name,
    });
    return { ...request, priority: "manifest" };
  }

  #content(
    method: "GET" | "HEAD",
    descriptor: Descriptor,
    accept: string,
    options: OperationOptions,
  ): HttpRequest {
    const { digest: subject, size } = descriptor;
    const asked: Asked = { need: "pull", subject, ...(method === "GET" ? { size } : {}) };
    const request = this.#request(method, pathOf(descriptor), options, accept, asked);
    return { ...request, priority: priorityOf(descriptor) };
  }

  #request(
    method: "GET" | "HEAD",
    path: string,
    operation: OperationOptions,
    accept = "*/*",
    asked: Asked = {},
  ): HttpRequest {
    const { registry, repository } = this.#options;
    return {
      method,
      url: new URL(path, this.#base),
      headers: { accept },
      scope: { registry, repository, action: "pull", ...asked },
      operation,
    };
  }

  #failed(response: HttpResponse, doing: string): Promise<LadingError> {
    const { registry, repository } = this.#options;
    return failedResponse(response, { doing, registry, repository });
  }
}

/** What GET may be answered with all the same. */
const REFUSES_HEAD: ReadonlySet<number> = new Set([400, 401, 403, 405, 501]);

type Asked = Pick<RequestScope, "need" | "subject" | "size">;

function priorityOf({ mediaType }: Descriptor): Priority {
  if (isManifestType(mediaType)) return "manifest";
  return isImageConfigType(mediaType) ? "config" : "blob";
}

function pathOf({ mediaType, digest }: Descriptor): string {
  return `${isManifestType(mediaType) ? "manifests" : "blobs"}/${digest}`;
}

function withRange(request: HttpRequest, range: string): HttpRequest {
  return withHeaders(request, { range });
}

function withHeaders(request: HttpRequest, headers: Readonly<Record<string, string>>): HttpRequest {
  return { ...request, headers: { ...request.headers, ...headers } };
}

function inMemory(bytes: Uint8Array, { offset, length }: OpenRange): OpenContent {
  const end = length === undefined ? bytes.length : offset + length;
  return {
    offset,
    ranged: true,
    async read(sink) {
      await sink(bytes.subarray(offset, end));
    },
    cancel() {},
  };
}
