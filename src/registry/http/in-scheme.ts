/**
 * A registry's URL in another scheme, at the port at which it was named. A URL drops its scheme's usual
 * port: without the name, `reg.lan:443` in http would be port 80.
 */
export function inScheme(url: URL, protocol: "http:" | "https:", registry: string): URL {
  if (url.protocol === protocol) return url;
  const { hostname, pathname, search } = url;
  const host = isNamed(url, registry) ? `${hostname}${portIn(registry)}` : url.host;
  return new URL(`${protocol}//${host}${pathname}${search}`);
}

/** Settings may have the registry elsewhere than its name says. */
function isNamed({ protocol, host }: URL, registry: string): boolean {
  const named = `${protocol}//${registry}`;
  return URL.canParse(named) && new URL(named).host === host;
}

function portIn(registry: string): string {
  return /:[0-9]+$/.exec(registry)?.[0] ?? "";
}
