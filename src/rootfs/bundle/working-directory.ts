import { posix } from "node:path";
import { LadingError } from "../../errors.ts";

/**
 * Where the command starts: verbatim when absolute, else below `/`, since a runtime takes no other. In
 * `/proc` it may name what the runtime itself holds open, the host's root among it (CVE-2024-21626).
 */
export function workingDirectory(workingDir: string | undefined): string {
  if (!workingDir) return "/";
  const cwd = workingDir.startsWith("/") ? workingDir : posix.join("/", workingDir);
  const shown = JSON.stringify(workingDir.slice(0, 80));
  if (cwd.includes("\0")) {
    throw new LadingError("malformed", `the image's working directory ${shown} holds a NUL`);
  }
  if (/^\/proc(\/|$)/.test(posix.resolve("/", cwd))) {
    throw new LadingError("refused", `the image wants to start in ${shown}`, {
      hint: "a working directory in /proc may lead out of the container; don't run this image",
    });
  }
  return cwd;
}
