import { readFile } from "node:fs/promises";

export interface MountedAt {
  readonly path: string;
  readonly type: string;
  readonly source: string;
}

/** What this process sees mounted, in the order of mounting (proc_pid_mountinfo(5)). */
export async function mountTable(): Promise<readonly MountedAt[]> {
  return parseMountTable(await readFile("/proc/self/mountinfo", "utf8"));
}

export function parseMountTable(text: string): readonly MountedAt[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ", 2);
    const path = before.split(" ")[4];
    const [type = "", source = ""] = after.split(" ");
    return path === undefined ? [] : [{ path: unescaped(path), type, source: unescaped(source) }];
  });
}

/** Blanks, tabs, line ends and backslashes stand as octal numbers. */
function unescaped(text: string): string {
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return bytes;
}
