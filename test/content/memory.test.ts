import { MemoryStore } from "../../src/content/memory.ts";
import { contentStoreContract } from "../contract/content-store.ts";

contentStoreContract("the memory store", async () => ({
  store: new MemoryStore(),
  dispose: async () => {},
}));
