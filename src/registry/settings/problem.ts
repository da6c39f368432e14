import { basename } from "node:path";
import { LadingError } from "../../errors.ts";
import type { KeyPath, Position } from "./toml/key-positions.ts";

/** Something in a settings file that is wrong (`error`) or means nothing to lading (`warning`). */
export interface SettingsProblem {
  readonly severity: "error" | "warning";
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
  /** Dotted: `registry."docker.io".mirror.0.url`. */
  readonly key?: string;
  readonly message: string;
  readonly hint?: string;
}

/** Nobody reads on; and a file of nothing else must not take long. */
const MOST = 100;

/** The problems of one file, in the order in which they were found: the first hundred of each severity. */
export class ProblemList {
  readonly path: string;
  readonly found: SettingsProblem[] = [];
  /** Where a key stands; set by who has read the text. */
  locate: (key: KeyPath) => Position | undefined = () => undefined;
  readonly #counts = { error: 0, warning: 0 };

  constructor(path: string) {
    this.path = path;
  }

  add(
    severity: SettingsProblem["severity"],
    key: KeyPath,
    message: string,
    at?: Position,
    hint?: string,
  ): void {
    this.#counts[severity] += 1;
    if (this.#counts[severity] > MOST) {
      this.#andMore(severity);
      return;
    }
    const position = at ?? (key.length === 0 ? undefined : this.locate(key));
    this.found.push({
      severity,
      path: this.path,
      ...(position === undefined ? {} : { line: position.line, column: position.column }),
      ...(key.length === 0 ? {} : { key: dotted(key) }),
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  }

  #andMore(severity: SettingsProblem["severity"]): void {
    if (this.#counts[severity] !== MOST + 1) return;
    const message = `there are more ${severity}s; these are the first ${MOST}`;
    this.found.push({ severity, path: this.path, message });
  }

  error(key: KeyPath, message: string, hint?: string): void {
    this.add("error", key, message, undefined, hint);
  }

  warning(key: KeyPath, message: string): void {
    this.add("warning", key, message);
  }

  /** A settings file that is wrong stops what reads it: it must never silently mean something else. */
  throwFirst(): void {
    const first = this.found.find(({ severity }) => severity === "error");
    if (first !== undefined) throw problemError(first);
  }
}

export function problemError(problem: SettingsProblem): LadingError {
  return new LadingError("usage", `${placeOf(problem)}: ${problem.message}`, {
    path: problem.path,
    hint: problem.hint ?? `mend the file; to see all that is wrong: ${checkCommand(problem)}`,
  });
}

/** A folder's files are checked with the folder; any other may be there by `--config` alone. */
function checkCommand({ path, line }: SettingsProblem): string {
  const ofFolder = basename(path) === "hosts.toml" || (line === undefined && !/\.toml$/.test(path));
  if (ofFolder) return "lading config check";
  const file = /[^\w./:@%+,-]/.test(path) ? `'${path.replaceAll("'", "'\\''")}'` : path;
  return `lading config check --config ${file}`;
}

/** `file:line:column`, which editors and terminals open. */
export function placeOf({ path, line, column }: SettingsProblem): string {
  return line === undefined ? path : `${path}:${line}:${column ?? 1}`;
}

export function dotted(key: KeyPath): string {
  return key
    .map((part) => (/^[A-Za-z0-9_-]+$/.test(String(part)) ? part : JSON.stringify(part)))
    .join(".");
}

/** A key as it is spoken of: `ca`, `trust-hosts[1]`. */
export function nameOf(key: KeyPath): string {
  const named = key.findLastIndex((part) => typeof part === "string");
  return `${key[named] ?? ""}${key
    .slice(named + 1)
    .map((index) => `[${index}]`)
    .join("")}`;
}
