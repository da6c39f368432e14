/**
 * The milliseconds of a Go duration (`1m30s`, `1.5h`, `250ms`), as hosts.toml and lading.toml write them;
 * `undefined` for text that is none.
 *
 * @see https://pkg.go.dev/time#ParseDuration for the grammar
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const [, sign = "", digits = ""] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (digits === "0") return 0;
  if (!DURATION.test(digits)) return undefined;
  let ms = 0;
  for (const [, amount = "", unit = ""] of digits.matchAll(PART)) {
    ms += Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  }
  return sign === "-" ? -ms : ms;
}

const MAX_TEXT = 64;

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  // Go takes both letters that look like a micro sign.
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const AMOUNT = "(?:\\d+(?:\\.\\d*)?|\\.\\d+)";
const UNIT = "(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h)";
const DURATION = new RegExp(`^(?:${AMOUNT}${UNIT})+$`);
const PART = new RegExp(`(${AMOUNT})(${UNIT})`, "g");
