import { type RunningServer, serve } from "../../src/server/index.ts";
import type { MadeContent } from "../../src/testkit/index.ts";

export interface StallingRegistry {
  readonly server: RunningServer;
  /** Resolves once half of a blob has been sent and no more will come. */
  readonly stalled: Promise<void>;
  /** Sends what is left, and everything from now on. */
  goOn(): void;
}

/** A registry that sends half of each large blob, and waits. */
export async function stallingRegistry(content: MadeContent): Promise<StallingRegistry> {
  let goOn = (): void => {};
  let halfSent = (): void => {};
  const going = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const stalled = new Promise<void>((resolve) => {
    halfSent = resolve;
  });
  const server = await serve({
    manifest: (repository, name) => content.manifest(repository, name),
    blob: (repository, digest) => content.blob(repository, digest),
    tags: (repository) => content.tags(repository),
    async open(descriptor, range) {
      const opened = await content.open(descriptor, range);
      let left = descriptor.size < 500_000 ? Number.POSITIVE_INFINITY : descriptor.size / 2;
      return {
        ...opened,
        read: (sink) =>
          opened.read(async (bytes) => {
            if (left <= 0) {
              halfSent();
              await going;
            }
            left -= bytes.length;
            await sink(bytes);
          }),
      };
    },
  });
  return { server, stalled, goOn };
}
