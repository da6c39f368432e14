import type { ContentSource } from "../../src/content/port.ts";
import type { MadeContent } from "../../src/testkit/index.ts";

/** Made content as a source, without a registry in between. */
export function asSource(content: MadeContent): ContentSource {
  return {
    name: "made",
    resolve: () => Promise.reject(new Error("made content is opened by descriptor")),
    has: async ({ digest }) => content.blobs.has(digest),
    open: (descriptor, range) => content.open(descriptor, range),
  };
}
