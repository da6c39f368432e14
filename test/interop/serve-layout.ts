import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { type Digest, digestHex, isDigest, parseDigest } from "../../src/oci/digest.ts";
import { type RunningServer, serve } from "../../src/server/index.ts";

/** A registry on a loopback port over an OCI layout on disk, whatever the repository's name. */
export function serveLayout(layout: string): Promise<RunningServer> {
  const blobPath = (digest: Digest): string => join(layout, "blobs", "sha256", digestHex(digest));
  return serve({
    manifest: async (_, name) =>
      isDigest(name) ? described(blobPath(name), name) : tagged(layout).get(name),
    blob: async (_, digest) => {
      const size = statSync(blobPath(digest), { throwIfNoEntry: false })?.size;
      if (size === undefined) return undefined;
      return { mediaType: "application/octet-stream", digest, size };
    },
    tags: async () => undefined,
    async open({ digest }, { offset, length }) {
      const end = length === undefined ? undefined : offset + length - 1;
      const stream = createReadStream(blobPath(digest), { start: offset, ...(end && { end }) });
      return {
        offset,
        ranged: true,
        async read(sink) {
          for await (const bytes of stream) await sink(bytes);
        },
        cancel: () => stream.destroy(),
      };
    },
  });
}

function tagged(layout: string): ReadonlyMap<string, Descriptor> {
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  return new Map(
    manifests.map(({ mediaType, digest, size, annotations }: IndexEntry) => [
      annotations["org.opencontainers.image.ref.name"],
      { mediaType, digest: parseDigest(digest), size },
    ]),
  );
}

interface IndexEntry extends Omit<Descriptor, "digest"> {
  readonly digest: string;
  readonly annotations: Readonly<Record<string, string>>;
}

function described(path: string, digest: Digest): Descriptor | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const { mediaType } = JSON.parse(bytes.toString());
  return { mediaType, digest, size: bytes.length };
}
