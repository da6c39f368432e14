import { LadingError } from "../errors.ts";
import { type IdRange, ownerships, parseIdMap, xattrPolicies } from "../layer/form.ts";
import type { UnpackLimits } from "../layer/limits.ts";
import type { CloneLink } from "../layer/worker/protocol.ts";
import type { LayerOptions } from "../verbs/unpack/options.ts";
import { choice, type OptionDefinition, type OptionValues, text, wholeNumber } from "./options.ts";

/** How layers become files: the same options wherever layers are unpacked. */
export const layerOptionDefinitions: readonly OptionDefinition[] = [
  {
    flags: "--ownership <how>",
    description: "whose the files are (default: preserve as root, else squash)",
    choices: ownerships,
  },
  { flags: "--uid-map <ranges>", description: "inside:outside:size, ranges apart by commas" },
  { flags: "--gid-map <ranges>", description: "the same for groups" },
  {
    flags: "--xattrs <which>",
    description: "extended attributes to keep (default: safe)",
    choices: xattrPolicies,
  },
  { flags: "--sync", description: "sync every file to the disk before a layer counts as whole" },
  { flags: "--max-bytes <number>", description: "bytes a layer may write (default: what is free)" },
  { flags: "--max-file-bytes <number>", description: "bytes a file may have" },
  { flags: "--max-entries <number>", description: "entries of a layer (default: 10000000)" },
  { flags: "--max-path <number>", description: "bytes of a path (default: 4096)" },
  { flags: "--max-depth <number>", description: "components of a path (default: 512)" },
  { flags: "--max-xattr-bytes <number>", description: "attributes of an entry (default: 1048576)" },
  { flags: "--max-ratio <number>", description: "bytes out for each byte in (default: no limit)" },
];

const LIMITS: readonly (keyof UnpackLimits)[] = [
  "maxBytes",
  "maxFileBytes",
  "maxEntries",
  "maxPath",
  "maxDepth",
  "maxXattrBytes",
  "maxRatio",
];

/** For a command that may also not unpack: then these options mean nothing. */
export function refuseLayerOptions(values: OptionValues): void {
  for (const { flags } of layerOptionDefinitions) {
    const [flag = ""] = flags.split(" ");
    const name = flag.slice(2).replace(/-./g, ([, letter = ""]) => letter.toUpperCase());
    if (values[name] === undefined) continue;
    throw new LadingError("usage", `${flag} has no meaning without --unpack`);
  }
}

export function readLayerOptions(values: OptionValues): LayerOptions {
  const limits = LIMITS.flatMap((name) => {
    const value = wholeNumber(values, name, { min: 1 });
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ownership: choice(values, "ownership", ownerships),
    uidMap: idMap(values, "uidMap"),
    gidMap: idMap(values, "gidMap"),
    xattrs: choice(values, "xattrs", xattrPolicies),
    sync: values.sync === true,
    limits: Object.fromEntries(limits),
  };
}

export function readLink(values: OptionValues): CloneLink | undefined {
  return choice(values, "link", LINKS);
}

const LINKS: readonly CloneLink[] = ["auto", "copy", "reflink", "hardlink"];

function idMap(values: OptionValues, name: string): readonly IdRange[] | undefined {
  const value = text(values, name);
  return value === undefined ? undefined : parseIdMap(value);
}
