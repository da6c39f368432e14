import { DEFAULT_PATH } from "./defaults.ts";

export interface EnvironmentOptions {
  readonly home: string;
  readonly terminal: boolean;
  readonly warn: (message: string) => void;
}

/**
 * The image's environment, and what it leaves out: PATH, HOME, and TERM on a terminal. Of one name the
 * last value stands, as a shell would have it. An entry without `=` is dropped: runtimes have taken it
 * for "the host's value of that name" (CVE-2026-57231).
 */
export function environment(env: readonly string[], options: EnvironmentOptions): string[] {
  const variables = new Map<string, string>();
  for (const entry of env) {
    const equals = entry.indexOf("=");
    if (equals < 1 || entry.includes("\0")) {
      options.warn(
        `environment entry ${JSON.stringify(entry.slice(0, 80))} left out: not name=value`,
      );
    } else {
      variables.set(entry.slice(0, equals), entry.slice(equals + 1));
    }
  }
  const missing = [
    ["PATH", DEFAULT_PATH],
    ["HOME", options.home],
    ...(options.terminal ? [["TERM", "xterm"]] : []),
  ];
  for (const [name = "", value = ""] of missing) {
    if (!variables.has(name)) variables.set(name, value);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}
