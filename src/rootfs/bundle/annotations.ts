import type { ImageConfig } from "../../oci/config.ts";
import { isObject, type JsonObject, parseJson } from "../../oci/json.ts";
import { metadataLimits } from "../../oci/limits.ts";
import { isReserved } from "./reserved.ts";

/**
 * The annotations that conversion.md derives from a config, under its labels, which win. Labels that
 * a runtime would take for an order are left out (CVE-2026-53488, CVE-2026-57231).
 */
export function imageAnnotations(
  config: ImageConfig,
  warn: (message: string) => void,
): Readonly<Record<string, string>> {
  const { execution, created, author } = config;
  const derived: readonly (readonly [string, string | undefined])[] = [
    ...platformFields(config),
    ["author", author],
    ["created", created],
    ["stopSignal", execution.stopSignal],
    ["exposedPorts", execution.exposedPorts.join(",")],
  ];
  const implicit = derived.flatMap(([name, value]): [string, string][] =>
    value && !value.includes("\0") ? [[`org.opencontainers.image.${name}`, value]] : [],
  );
  const explicit = Object.entries(execution.labels).filter((label) => isPlain(label, warn));
  return Object.fromEntries([...implicit, ...explicit]);
}

/** As written: the parsed platform is normalised, and the page wants the values verbatim. */
function platformFields(config: ImageConfig): [string, string | undefined][] {
  const what = "image config";
  const written = parseJson(config.bytes, { what, maxBytes: metadataLimits.config });
  const raw = isObject(written) ? written : {};
  const { platform } = config;
  const features = raw["os.features"];
  return [
    ["os", text(raw, "os") ?? platform.os],
    ["architecture", text(raw, "architecture") ?? platform.architecture],
    ["variant", text(raw, "variant")],
    ["os.version", text(raw, "os.version")],
    ["os.features", Array.isArray(features) ? features.join(",") : undefined],
  ];
}

function text(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isPlain([key, value]: [string, string], warn: (message: string) => void): boolean {
  const shown = JSON.stringify(key.slice(0, 80));
  if (isReserved(key)) {
    warn(`label ${shown} left out: container runtimes take it for an order, not for a description`);
    return false;
  }
  // A runtime written in C reads what stands before a NUL, which is not what was checked here.
  if (key === "" || key.includes("\0") || value.includes("\0")) {
    warn(`label ${shown} left out: it is empty or holds a NUL`);
    return false;
  }
  return true;
}
