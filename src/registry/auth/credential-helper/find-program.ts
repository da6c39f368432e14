import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/**
 * Where a program is, by `PATH`. Entries that are empty or relative do not count: what lies in the
 * current folder is never run.
 */
export async function findProgram(
  program: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const file = process.platform === "win32" ? `${program}.exe` : program;
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  for (const folder of folders) {
    const path = join(folder, file);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
