import type { HttpRequest } from "../http/message.ts";
import type { EndpointSettings, SettingsSource } from "./types.ts";

/**
 * How the origin of a request is spoken to: as its registry's settings say of that endpoint, else as
 * the origin's own entry says. An anonymous request shows nothing that tells who asks, whoever led
 * there: neither headers nor a client certificate (GHSA-whvf-jp7m-59f3, GHSA-h3wm-jjqf-8jm2).
 */
export async function endpointOf(
  settings: SettingsSource,
  { url, scope }: Pick<HttpRequest, "url" | "scope">,
): Promise<EndpointSettings> {
  const { server, mirrors } = await settings.forRegistry(scope.mirrorOf ?? scope.registry);
  const places = scope.mirrorOf === undefined ? [server, ...mirrors] : [...mirrors, server];
  const own = places.find(({ base }) => base.host === url.host);
  const found = own ?? (await settings.forOrigin(url.origin));
  if (!scope.anonymous) return found;
  return { ...found, headers: {}, tls: { ...found.tls, client: [] } };
}
