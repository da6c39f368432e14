import { openStore } from "../../src/store/local-store.ts";
import { contentSourceContract } from "../contract/content-source.ts";
import { contentStoreContract } from "../contract/content-store.ts";
import { putInto } from "../contract/put.ts";
import { temporaryFolder } from "../temporary.ts";

contentStoreContract("the local store", async () => {
  const store = await openStore({ root: await temporaryFolder() });
  return { store, dispose: () => store[Symbol.asyncDispose]() };
});

contentSourceContract("the local store", async () => {
  const store = await openStore({ root: await temporaryFolder() });
  return { source: store, ...putInto(store), dispose: () => store[Symbol.asyncDispose]() };
});
