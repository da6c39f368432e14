import { providerOf } from "./provider.ts";

/** What somebody without credentials can do, for hints. */
export function howToLogIn(registry: string): string {
  const provider = providerOf(registry);
  if (provider === undefined) return `log in: lading login ${registry}`;
  return `log in: lading login ${registry}, or ${provider.wants} (docs/credentials.md)`;
}
