/** One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: Readonly<Record<string, string>>;
}

const MAX_LENGTH = 8 * 1024;
const MAX_CHALLENGES = 16;

/**
 * Parses all challenges of a header: several may follow each other, and a comma may separate
 * parameters or challenges, or stand in a quoted value. What breaks the grammar ends the list; what
 * came before it counts.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; params: Record<string, string> }[] = [];
  let rest = header.slice(0, MAX_LENGTH);
  for (;;) {
    rest = rest.replace(/^[\s,]+/, "");
    const parameter = PARAMETER.exec(rest);
    const current = challenges.at(-1);
    if (parameter !== null && current !== undefined) {
      const [whole, name = "", quoted, plain = ""] = parameter;
      current.params[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, "$1") ?? plain;
      rest = rest.slice(whole.length);
      continue;
    }
    const scheme = SCHEME.exec(rest);
    if (scheme === null || challenges.length === MAX_CHALLENGES) return challenges;
    const [whole, name = ""] = scheme;
    challenges.push({ scheme: name.toLowerCase(), params: Object.create(null) });
    rest = rest.slice(whole.length);
  }
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`);
const SCHEME = new RegExp(`^(${TOKEN})(?=$|[\\s,])`);
