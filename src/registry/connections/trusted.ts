/** Whether a host is one of those named: `auth.lan` for each of its ports, `auth.lan:443` for the one. */
export function isTrusted(
  trustHosts: readonly string[],
  { hostname, port, protocol }: URL,
): boolean {
  const effective = port === "" ? (protocol === "https:" ? 443 : 80) : port;
  const names = new Set([hostname, `${hostname}:${effective}`]);
  return trustHosts.some((name) => names.has(name.toLowerCase()));
}
