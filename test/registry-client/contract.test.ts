import { parseReference } from "../../src/oci/reference.ts";
import { createRegistryClient } from "../../src/registry/client.ts";
import { createRegistry } from "../../src/testkit/index.ts";
import { contentSourceContract } from "../contract/content-source.ts";

contentSourceContract("a repository", async () => {
  const registry = await createRegistry();
  const client = createRegistryClient();
  const source = await client.repository(parseReference(`${registry.address}/app`));
  return {
    source,
    async put(bytes, mediaType = "application/octet-stream") {
      return mediaType === "application/octet-stream"
        ? registry.content.add(mediaType, bytes)
        : registry.content.addManifest(mediaType, JSON.parse(Buffer.from(bytes).toString()));
    },
    async name(descriptor) {
      registry.content.tag("app:1", descriptor);
      return "1";
    },
    async dispose() {
      await client[Symbol.asyncDispose]();
      await registry.close();
    },
  };
});
