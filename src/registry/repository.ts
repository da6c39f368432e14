import { createHash } from "node:crypto";
import type { OperationOptions } from "../content/events.ts";
import type {
  ContentSource,
  ForeignSource,
  OpenContent,
  OpenRange,
  ParallelRanges,
} from "../content/port.ts";
import { verifyBytes } from "../content/transfer/verify.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, isDigest, parseDigest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import { parseManifest } from "../oci/manifest.ts";
import { isManifestType, mediaTypes } from "../oci/media-types.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { failedResponse } from "./failed-response.ts";
import { openForeign } from "./foreign.ts";
import type { AddressClass } from "./http/address.ts";
import type { HttpRequest, HttpResponse, Send } from "./http/message.ts";
import { openRanged } from "./open-ranged.ts";
import { listTags, type TagOptions } from "./tags.ts";

export type ParallelOptions = ParallelRanges;

export interface RepositoryOptions {
  readonly registry: string;
  readonly repository: RepositoryName;
  readonly parallel?: Partial<ParallelOptions> | undefined;
}

export interface RawManifest {
  readonly descriptor: Descriptor;
  /** As they came; their hash is the descriptor's digest. */
  readonly bytes: Uint8Array;
}

const MiB = 1024 * 1024;
const DEFAULT_PARALLEL: ParallelOptions = {
  above: 64 * MiB,
  chunk: 16 * MiB,
  streams: 4,
  helpAfterMs: 300,
};

/** docker.io is the name; this is where it answers. */
const DOCKER_HOST = "registry-1.docker.io";

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
  /** Where a blob was last redirected to: good for its further ranges, in memory only. */
  readonly #redirected = new Map<Digest, { readonly url: URL; readonly reach: AddressClass }>();
  /** A manifest that had to be fetched to be resolved is not fetched again to be read. */
  readonly #resolved = new Map<Digest, Uint8Array>();

  constructor(send: Send, options: RepositoryOptions) {
    const { registry, repository } = options;
    this.name = `registry ${registry}/${repository}`;
    this.#send = send;
    this.#options = options;
    const host = registry === "docker.io" ? DOCKER_HOST : registry;
    this.#base = new URL(`https://${host}/v2/${repository}/`);
    this.parallel = { ...DEFAULT_PARALLEL, ...options.parallel };
    this.foreign = {
      open: (descriptor, range, options = {}) =>
        openForeign(this.#send, this.#request("GET", "", options), descriptor, range),
    };
  }

  /**
   * What a tag or digest stands for, by HEAD, which costs no quota. Where HEAD is refused, or answers
   * without a digest that can be used, GET decides.
   */
  async resolve(name: string, options: OperationOptions = {}): Promise<Descriptor> {
    const head = await this.#send(this.#request("HEAD", `manifests/${name}`, options, ACCEPT));
    await head.body.bytes(0).catch(() => head.body.cancel());
    const described = head.status === 200 ? describeHead(head, name) : undefined;
    if (described !== undefined) return described;
    if (![200, 400, 401, 403, 404, 405, 501].includes(head.status)) {
      throw await this.#failed(head, `resolving ${name}`);
    }
    const { descriptor, bytes } = await this.fetchManifest(name, options);
    this.#resolved.clear();
    this.#resolved.set(descriptor.digest, bytes);
    return descriptor;
  }

  /** The manifest that a tag or digest names, with the hash of its bytes, verified where one is known. */
  async fetchManifest(name: string, options: OperationOptions = {}): Promise<RawManifest> {
    const response = await this.#get(`manifests/${name}`, options, ACCEPT);
    if (response.status !== 200)
      throw await this.#failed(response, `fetching the manifest ${name}`);
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

  async has(descriptor: Descriptor, options: OperationOptions = {}): Promise<boolean> {
    const path = pathOf(descriptor);
    const head = await this.#send(this.#request("HEAD", path, options, ACCEPT));
    await head.body.bytes(0).catch(() => head.body.cancel());
    if (head.status === 200) return true;
    if (head.status === 404) return false;
    throw await this.#failed(head, `looking for ${descriptor.digest}`);
  }

  async open(
    descriptor: Descriptor,
    range: OpenRange,
    options: OperationOptions = {},
  ): Promise<OpenContent> {
    const resolved = this.#resolved.get(descriptor.digest);
    if (resolved !== undefined) return inMemory(resolved, range);
    const path = pathOf(descriptor);
    const accept = isManifestType(descriptor.mediaType) ? descriptor.mediaType : undefined;
    const request = this.#request("GET", path, options, accept);
    return openRanged(descriptor, range, {
      send: (headers) => this.#sendBlob(descriptor.digest, withHeaders(request, headers)),
      failed: (response) => this.#failed(response, `fetching ${descriptor.digest}`),
    });
  }

  tags(options: TagOptions = {}): AsyncIterable<string> {
    return listTags(this.#send, this.#request("GET", "tags/list", options), options, (response) =>
      this.#failed(response, "listing the tags"),
    );
  }

  /** Goes straight to where the blob was redirected to before, until that address no longer answers. */
  async #sendBlob(digest: Digest, request: HttpRequest): Promise<HttpResponse> {
    const known = this.#redirected.get(digest);
    if (known !== undefined) {
      const { url, reach } = known;
      const scope = { ...request.scope, anonymous: true, reach };
      const response = await this.#send({ ...request, url, scope });
      if (![401, 403, 404].includes(response.status)) return response;
      response.body.cancel();
      this.#redirected.delete(digest);
    }
    const response = await this.#send(request);
    if (response.url.origin !== request.url.origin && response.status < 300) {
      this.#redirected.set(digest, { url: response.url, reach: response.peer });
    }
    return response;
  }

  #get(path: string, options: OperationOptions, accept: string): Promise<HttpResponse> {
    return this.#send(this.#request("GET", path, options, accept));
  }

  #request(
    method: "GET" | "HEAD",
    path: string,
    operation: OperationOptions,
    accept = "*/*",
  ): HttpRequest {
    const { registry, repository } = this.#options;
    return {
      method,
      url: new URL(path, this.#base),
      headers: { accept },
      scope: { registry, repository, action: "pull" },
      operation,
    };
  }

  #failed(response: HttpResponse, doing: string): Promise<LadingError> {
    const { registry, repository } = this.#options;
    return failedResponse(response, { doing, registry, repository });
  }
}

function pathOf({ mediaType, digest }: Descriptor): string {
  return `${isManifestType(mediaType) ? "manifests" : "blobs"}/${digest}`;
}

function describeHead(head: HttpResponse, name: string): Descriptor | undefined {
  const digest = isDigest(name) ? name : (head.headers["docker-content-digest"] ?? "");
  const mediaType = head.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const size = parseLength(head.headers["content-length"]);
  if (!isDigest(digest) || !isManifestType(mediaType)) return undefined;
  if (size === undefined || size === 0 || size > metadataLimits.manifest) return undefined;
  return { mediaType, digest, size };
}

function parseLength(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
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
