// Inflates files to nothing, one way: inflate-once.mjs isal|zlib|stream FILE…
import { createReadStream, openSync, readSync } from "node:fs";
import { createGunzip } from "node:zlib";
import { loadDecoders } from "../dist/layer/decode/decoder.js";
import { isalInflater, passes } from "../dist/layer/decode/gzip/load.js";

const [way, ...files] = process.argv.slice(2);
const SIZE = 256 * 1024;

if (way === "isal" && !((await isalInflater()) && passes(await isalInflater()))) {
  throw new Error("libisal2 is missing");
}
const create = way === "stream" ? undefined : await loadDecoders({ native: way === "isal" });
let total = 0;
for (const file of files) await (create === undefined ? streamed(file) : called(file));
console.log(total);

function called(file) {
  const input = Buffer.allocUnsafe(SIZE);
  const opened = openSync(file);
  const decoder = create((bytes) => (total += bytes.length));
  for (;;) {
    const length = readSync(opened, input);
    if (length === 0) break;
    decoder.push(input.subarray(0, length));
  }
  decoder.end();
  decoder.close();
}

async function streamed(file) {
  const source = createReadStream(file, { highWaterMark: SIZE });
  for await (const bytes of source.pipe(createGunzip({ chunkSize: SIZE }))) total += bytes.length;
}
