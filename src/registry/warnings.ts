import type { Step } from "./http/message.ts";
import { printable } from "./http/redact.ts";

/** Of one answer; what a registry has to say in more it may say elsewhere. */
const MOST = 3;
const MAX_REMEMBERED = 1000;

/**
 * Passes on what registries want people to know (distribution-spec, "Warnings"), each text once. They
 * are shown and never acted on. What storage or a foreign host says is not the registry's word.
 */
export function warnings(): Step {
  const told = new Set<string>();
  return (next) => async (request) => {
    const response = await next(request);
    if (request.scope.anonymous || response.headers.warning === undefined) return response;
    for (const text of parseWarnings(response.headers.warning)) {
      const message = `${request.url.host}: ${text}`;
      if (told.has(message) || told.size >= MAX_REMEMBERED) continue;
      told.add(message);
      request.operation.onEvent?.({ type: "warning", code: "registry-warning", message });
    }
    return response;
  };
}

/** The texts of `Warning: 299 - "text"`, the only form that the specification has; all else ends the list. */
export function parseWarnings(header: string): readonly string[] {
  const texts: string[] = [];
  const form = /\s*299 - "((?:[^"\\]|\\.){0,4096})"\s*(?:,|$)/y;
  for (let found = form.exec(header); found !== null; found = form.exec(header)) {
    const text = printable((found[1] ?? "").replace(/\\(.)/g, "$1"));
    if (text !== "") texts.push(text);
    if (texts.length === MOST) break;
  }
  return texts;
}
