import type { ContentStore } from "../../src/content/port.ts";
import { putBytes } from "../../src/content/transfer/transfer.ts";
import type { SourceUnderTest } from "./content-source.ts";
import { describeBytes } from "./content-store.ts";

/** How content gets into a store that takes it. */
export function putInto(store: ContentStore): Pick<SourceUnderTest, "put" | "name"> {
  return {
    async put(bytes, mediaType) {
      const descriptor = describeBytes(bytes, "sha256", mediaType);
      await putBytes(store, descriptor, bytes, { role: "other", transferred: 0 });
      return descriptor;
    },
    async name(descriptor) {
      await store.tag("registry.example/app:1", descriptor);
      return "registry.example/app:1";
    },
  };
}
