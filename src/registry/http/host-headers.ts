import { endpointOf } from "../settings/endpoint.ts";
import type { SettingsSource } from "../settings/types.ts";
import type { Step } from "./message.ts";

/**
 * Adds the headers that the settings name for an origin: below redirects, so that they reach no other.
 * What the protocol needs stays as it is; a user agent of one's own wins over lading's.
 */
export function hostHeaders(settings: SettingsSource): Step {
  return (next) => async (request) => {
    const { headers } = await endpointOf(settings, request);
    const agent = headers["user-agent"];
    return next({
      ...request,
      headers: {
        ...headers,
        ...request.headers,
        ...(agent === undefined ? {} : { "user-agent": agent }),
      },
    });
  };
}
