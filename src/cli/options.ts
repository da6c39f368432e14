import { LadingError } from "../errors.ts";
import type { PullPolicy } from "../verbs/pull.ts";

export interface OptionDefinition {
  readonly flags: string;
  readonly description: string;
  /** The only values that it takes. */
  readonly choices?: readonly string[];
  /** Some of the values that it takes, for completion. */
  readonly suggestions?: readonly string[];
}

export type ProgressKind = "auto" | "tty" | "plain" | "json" | "none";

const PROGRESS: readonly ProgressKind[] = ["auto", "tty", "plain", "json", "none"];
const POLICIES: readonly PullPolicy[] = ["always", "missing", "never"];

/** Options that every command takes. */
export const commonOptions: readonly OptionDefinition[] = [
  {
    flags: "--root <folder>",
    description: "the local store (default: $LADING_ROOT, else ~/.local/share/lading)",
  },
  { flags: "--json", description: "print the result, or the error, as one JSON document" },
  {
    flags: "--progress <kind>",
    description: "how progress is shown on stderr (default: auto)",
    choices: PROGRESS,
  },
  { flags: "-q, --quiet", description: "no progress and no warnings" },
  { flags: "-v, --verbose", description: "every request; causes and stack of an error" },
  {
    flags: "--plain-http",
    description: "speak http to the registry that is named (loopback hosts: https, then http)",
  },
  {
    flags: "--trust-host <hosts>",
    description: "token servers and CDNs (commas) that may be at a private address",
  },
  {
    flags: "--config <file>",
    description: "a settings file in place of the usual ones (docs/registries.md)",
  },
  {
    flags: "--authfile <file>",
    description: "a credential file that is asked before the usual ones (docs/credentials.md)",
  },
  {
    flags: "--trace <file>",
    description: "append every request to this file, one JSON object a line (docs/tracing.md)",
  },
];

/** Options that mean the same wherever they mean something; a command says which it takes. */
export const sharedOptions: readonly OptionDefinition[] = [
  {
    flags: "--platform <platform>",
    description: "os/architecture[/variant] (default: linux on this machine's architecture)",
    suggestions: ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64", "linux/s390x"],
  },
  { flags: "--all-platforms", description: "every platform that the image is made for" },
  {
    flags: "--policy <policy>",
    description: "when to ask the registry",
    choices: POLICIES,
  },
  { flags: "--concurrency <number>", description: "downloads at one time (default: 6)" },
];

export type SharedOption = "platform" | "allPlatforms" | "policy" | "concurrency";

export const sharedOptionNames: readonly SharedOption[] = [
  "platform",
  "allPlatforms",
  "policy",
  "concurrency",
];

/** What the parser of the command line found, by the option's name in camel case. */
export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** The common and shared options, checked. */
export interface Settings {
  readonly root: string | undefined;
  readonly json: boolean;
  readonly progress: ProgressKind;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly plainHttp: boolean;
  readonly trustHosts: readonly string[];
  readonly config: string | undefined;
  readonly authFile: string | undefined;
  readonly trace: string | undefined;
  readonly platform: string | undefined;
  readonly allPlatforms: boolean;
  readonly policy: PullPolicy | undefined;
  readonly concurrency: number | undefined;
}

export function readSettings(values: OptionValues): Settings {
  return {
    root: text(values, "root"),
    json: values.json === true,
    progress: choice(values, "progress", PROGRESS) ?? "auto",
    quiet: values.quiet === true,
    verbose: values.verbose === true,
    plainHttp: values.plainHttp === true,
    trustHosts: text(values, "trustHost")?.split(",") ?? [],
    config: text(values, "config"),
    authFile: text(values, "authfile"),
    trace: text(values, "trace"),
    platform: text(values, "platform"),
    allPlatforms: values.allPlatforms === true,
    policy: choice(values, "policy", POLICIES),
    concurrency: wholeNumber(values, "concurrency", { min: 1, max: 64 }),
  };
}

/**
 * How to report that the command line itself can't be read: looked for in the raw words, since nothing
 * better is there yet.
 */
export function settingsForFailure(args: readonly string[]): Settings {
  const has = (...words: string[]): boolean => words.some((word) => args.includes(word));
  const at = args.indexOf("--progress");
  const json = has("--progress=json") || (at >= 0 && args[at + 1] === "json");
  return readSettings({
    json: has("--json"),
    progress: json ? "json" : "none",
    quiet: has("-q", "--quiet"),
    verbose: has("-v", "--verbose"),
  });
}

export function text(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  if (value === undefined || typeof value === "boolean") return undefined;
  if (value === "") throw new LadingError("usage", `${flagOf(name)} is empty`);
  return value;
}

export function wholeNumber(
  values: OptionValues,
  name: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): number | undefined {
  const value = text(values, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^[0-9]{1,16}$/.test(value) && number >= min && number <= max) return number;
  const upTo = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`;
  throw new LadingError(
    "usage",
    `${flagOf(name)} is a whole number from ${min}${upTo}, not ${JSON.stringify(value)}`,
  );
}

export function choice<T extends string>(
  values: OptionValues,
  name: string,
  choices: readonly T[],
): T | undefined {
  const value = text(values, name);
  const known = choices.find((one) => one === value);
  if (value === undefined || known !== undefined) return known;
  throw new LadingError(
    "usage",
    `${flagOf(name)} is one of ${choices.join(", ")}, not ${JSON.stringify(value)}`,
  );
}

/** As it is written on the command line: `maxBytes` is `--max-bytes`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
