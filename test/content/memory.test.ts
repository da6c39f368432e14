import { MemoryStore } from "../../src/content/memory.ts";
import { contentSourceContract } from "../contract/content-source.ts";
import { contentStoreContract } from "../contract/content-store.ts";
import { putInto } from "../contract/put.ts";

contentStoreContract("the memory store", async () => ({
  store: new MemoryStore(),
  dispose: async () => {},
}));

contentSourceContract("the memory store", async () => {
  const store = new MemoryStore();
  return { source: store, ...putInto(store), dispose: async () => {} };
});
