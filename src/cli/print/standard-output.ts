import { fstatSync } from "node:fs";
import { Output } from "./output.ts";

/** The process's standard output: a terminal, a pipe, a socket, a file or a device. */
export function standardOutput(onClosed: () => void): Output {
  const { stdout } = process;
  return new Output(stdout, onClosed, stdout.isTTY ? undefined : fileOf(stdout.fd));
}

/** What is no pipe and no socket is written to without Node's stream; see {@link Output}. */
function fileOf(fd: number): number | undefined {
  try {
    const kind = fstatSync(fd);
    return kind.isFile() || kind.isCharacterDevice() ? fd : undefined;
  } catch {
    return undefined;
  }
}
