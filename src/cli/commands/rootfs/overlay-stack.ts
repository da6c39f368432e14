import { LadingError } from "../../../errors.ts";
import type { OverlayOptions } from "../../../verbs/mount/overlay-stack.ts";
import type { Invocation } from "../../command.ts";
import { readLayerOptions } from "../../layer-options.ts";
import { parsePlace, policyOf } from "../../place.ts";
import { overlayDocument } from "../../print/documents.ts";
import { formatCount, formatDuration } from "../../print/format.ts";

/** `lading unpack --overlay`. */
export async function printOverlayStack(invocation: Invocation): Promise<void> {
  const { args, options, settings, output } = invocation;
  const [text = "", directory] = args;
  if (directory !== undefined || options.force !== undefined || options.link !== undefined) {
    throw new LadingError(
      "usage",
      "--overlay makes no directory, so takes none, no --force, no --link",
    );
  }
  const place = parsePlace(text);
  const onEvent = await invocation.watch("pull");
  const lading = await invocation.open([place.reference]);
  const result = await lading.overlayStack(place.reference, {
    ...stackOptions(invocation),
    onEvent,
  });
  invocation.endWatch();
  if (settings.json) {
    await output.json(overlayDocument(result));
    return;
  }
  const { reference, lower, lease, userxattr, ms } = result;
  const how = userxattr ? ", to be mounted with userxattr" : "";
  const stack = `${formatCount(lower.length, "layer")} stacked${how}`;
  invocation.note(`${reference}: ${stack}, lease ${lease.id} (${formatDuration(ms)})`);
  for (const path of lower) await output.line(path);
}

/** What `mount` takes as well. */
export function stackOptions({ args, options, settings, signal }: Invocation): OverlayOptions {
  const place = parsePlace(args[0] ?? "");
  return {
    ...readLayerOptions(options),
    platform: settings.platform,
    policy: settings.policy ?? policyOf(place),
    concurrency: settings.concurrency,
    signal,
  };
}
