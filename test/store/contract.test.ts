import { openStore } from "../../src/store/local-store.ts";
import { contentStoreContract } from "../contract/content-store.ts";
import { temporaryFolder } from "../temporary.ts";

contentStoreContract("the local store", async () => {
  const store = await openStore({ root: await temporaryFolder() });
  return { store, dispose: () => store[Symbol.asyncDispose]() };
});
