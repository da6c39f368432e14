// One image of a store to one directory, with so many threads.
import { open } from "../dist/index.js";

const [root, image, folder, threads] = process.argv.slice(2);
const lading = await open({ root, limits: { threads: Number(threads) } });
await lading.unpack(image, folder, { policy: "never" });
await lading.close();
