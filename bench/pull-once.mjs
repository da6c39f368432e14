// One pull through the library: pull-once.mjs STORE REFERENCE [--one-stream]
import { open } from "../dist/index.js";

const [root, reference, oneStream] = process.argv.slice(2);
const parallel = oneStream === undefined ? undefined : { above: Number.MAX_SAFE_INTEGER };
const lading = await open({ root, parallel });
await lading.pull(reference);
await lading.close();
