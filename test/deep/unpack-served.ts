import type { OpenContent } from "../../src/content/port.ts";
import { type RunningServer, serve } from "../../src/server/index.ts";
import { addImage, type MadeContent } from "../../src/testkit/index.ts";
import type { MadeBlob } from "./unpack-large-file.ts";

/** A registry with an image `large:1` whose one layer is made while it is sent. */
export function serveMade(content: MadeContent, layer: MadeBlob): Promise<RunningServer> {
  const { descriptor, diffId } = layer;
  content.tag("large:1", addImage(content, [{ descriptor, diffId }]).descriptor);
  const isLayer = (digest: string): boolean => digest === descriptor.digest;
  return serve({
    manifest: (repository, name) => content.manifest(repository, name),
    tags: (repository) => content.tags(repository),
    blob: async (repository, digest) =>
      isLayer(digest) ? descriptor : content.blob(repository, digest),
    open: async (wanted, range) =>
      isLayer(wanted.digest) ? layer.open(range) : content.open(wanted, range),
  });
}

export interface CountedServer extends AsyncDisposable {
  readonly address: string;
  /** Resolves when so many more bytes of blobs have been sent. */
  more(bytes: number): Promise<void>;
}

/** A registry that knows how much it has sent, and waits with what follows until that is heard. */
export async function serveCounted(content: MadeContent): Promise<CountedServer> {
  let sent = 0;
  const waiting = new Map<() => unknown, number>();
  const counted = (opened: OpenContent): OpenContent => ({
    ...opened,
    read: (sink) =>
      opened.read(async (bytes) => {
        await sink(bytes);
        sent += bytes.length;
        for (const [reached, at] of waiting) if (at <= sent && waiting.delete(reached)) reached();
      }),
  });
  const server = await serve({
    manifest: (repository, name) => content.manifest(repository, name),
    blob: (repository, digest) => content.blob(repository, digest),
    tags: (repository) => content.tags(repository),
    open: async (descriptor, range) => counted(await content.open(descriptor, range)),
  });
  return {
    address: server.address,
    more: (bytes) => new Promise<void>((reached) => waiting.set(reached, sent + bytes)),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
