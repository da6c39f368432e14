import { type ImageConfig, parseImageConfig } from "../../../src/oci/config.ts";
import type { ReadImageFile } from "../../../src/rootfs/bundle/accounts.ts";

/** A config as a registry would send it. */
export function imageConfig(
  config: Readonly<Record<string, unknown>> = {},
  top: Readonly<Record<string, unknown>> = {},
): ImageConfig {
  const document = {
    os: "linux",
    architecture: "amd64",
    ...top,
    config,
    rootfs: { type: "layers", diff_ids: [] },
  };
  return parseImageConfig(Buffer.from(JSON.stringify(document)));
}

/** The files of an image, by path. */
export function files(
  content: Readonly<Record<string, string>>,
): ReadImageFile & { readonly asked: string[] } {
  const asked: string[] = [];
  const read: ReadImageFile = (path) => {
    asked.push(path);
    const text = content[path];
    return text === undefined ? undefined : Buffer.from(text);
  };
  return Object.assign(read, { asked });
}
