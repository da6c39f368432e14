import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { HashReply, HashRequest } from "./hash-protocol.ts";

const SLICE = 1024 * 1024;
const buffer = new Uint8Array(SLICE);

parentPort?.on("message", (request: HashRequest) => {
  parentPort?.postMessage(hashFile(request));
});

function hashFile({ id, path, algorithm }: HashRequest): HashReply {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return { id, problem: problemOf(error) };
  }
  try {
    if (!fstatSync(fd).isFile()) return { id, problem: "not-a-file" };
    const hash = createHash(algorithm);
    let size = 0;
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, got));
      size += got;
    }
    return { id, hex: hash.digest("hex"), size };
  } catch {
    return { id, problem: "unreadable" };
  } finally {
    closeSync(fd);
  }
}

function problemOf(error: unknown): "missing" | "not-a-file" | "unreadable" {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "missing";
  return code === "ELOOP" || code === "EISDIR" ? "not-a-file" : "unreadable";
}
