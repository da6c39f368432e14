import { createHash } from "node:crypto";
import type { OpenContent, OpenRange } from "../content/port.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, type DigestAlgorithm, isDigest, parseDigest } from "../oci/digest.ts";
import { parseReference, type Tag } from "../oci/reference.ts";
import type { ServedContent } from "../server/content.ts";

/** Blobs and the names of manifests, in memory: what the makers make, and what a registry serves. */
export class MadeContent implements ServedContent {
  readonly blobs: Map<Digest, Uint8Array> = new Map();
  readonly #manifests = new Map<Digest, Descriptor>();
  readonly #tags = new Map<string, Map<Tag, Descriptor>>();

  /** Adds bytes and describes them. */
  add(mediaType: string, bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Descriptor {
    const hex = createHash(algorithm).update(bytes).digest("hex");
    const digest = parseDigest(`${algorithm}:${hex}`);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** Adds a document as JSON; a manifest is served by its digest from then on. */
  addManifest(mediaType: string, document: unknown, algorithm?: DigestAlgorithm): Descriptor {
    const descriptor = this.add(mediaType, Buffer.from(JSON.stringify(document)), algorithm);
    this.#manifests.set(descriptor.digest, descriptor);
    return descriptor;
  }

  /** Names a manifest: `library/app:1.0`. */
  tag(name: string, descriptor: Descriptor): void {
    const { repository, tag } = parseReference(`localhost/${name}`);
    if (tag === undefined) throw new LadingError("usage", `${name} has no tag`);
    const tags = this.#tags.get(repository) ?? new Map<Tag, Descriptor>();
    this.#tags.set(repository, tags.set(tag, descriptor));
  }

  async manifest(repository: string, name: Tag | Digest): Promise<Descriptor | undefined> {
    if (isDigest(name)) return this.#manifests.get(name);
    return this.#tags.get(repository)?.get(name);
  }

  async blob(_repository: string, digest: Digest): Promise<Descriptor | undefined> {
    const size = this.blobs.get(digest)?.length;
    return size === undefined ? undefined : { mediaType: "application/octet-stream", digest, size };
  }

  async open({ digest }: Descriptor, { offset, length }: OpenRange): Promise<OpenContent> {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new LadingError("not-found", `there is no ${digest}`);
    const end = length === undefined ? bytes.length : offset + length;
    let cancelled = false;
    return {
      offset,
      ranged: true,
      async read(sink) {
        for (let at = offset; at < end && !cancelled; at += SLICE) {
          await sink(bytes.subarray(at, Math.min(at + SLICE, end)));
        }
      },
      cancel() {
        cancelled = true;
      },
    };
  }

  async tags(repository: string): Promise<readonly Tag[] | undefined> {
    const tags = this.#tags.get(repository);
    return tags === undefined ? undefined : [...tags.keys()].sort();
  }
}

const SLICE = 64 * 1024;
