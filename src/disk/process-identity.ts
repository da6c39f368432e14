import { readFile } from "node:fs/promises";
import { bootId } from "./boot-id.ts";

/**
 * What no other process will ever be: a process ID is used again, but not with the same time of start.
 * `undefined` when there is no such process (or no /proc to ask).
 */
export async function processIdentity(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  // The name in parentheses may hold anything, so fields count from behind it; a zombie is no more.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [fields[0], fields[19]];
  if (started === undefined || state === "Z" || state === "X") return undefined;
  return `${bootId() ?? ""} ${pid} ${started}`;
}
