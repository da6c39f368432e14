import type { Step } from "./message.ts";

/** Says who is asking; registries tell their clients apart by it. */
export function userAgent(name: string): Step {
  return (next) => (request) =>
    next({ ...request, headers: { "user-agent": name, ...request.headers } });
}
