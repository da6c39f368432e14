#!/usr/bin/env node
import { version } from "./version.ts";

const args = process.argv.slice(2);

// Asked for by scripts and editors in a loop: answered before anything else is loaded.
if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.stderr.write("lading: standard output does not take what is written\n");
    process.exitCode = 1;
  });
  process.stdout.write(`${version}\n`);
} else {
  import("./main.ts").then(({ main }) => main(args));
}
