/** What was read, as JSON shows it: addresses as text, sets and maps as lists. */
export function shown(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => {
      if (inner instanceof Map) return Object.fromEntries(inner);
      return inner instanceof Set ? [...inner] : inner;
    }),
  );
}
