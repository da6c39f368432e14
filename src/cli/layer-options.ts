import { LadingError } from "../errors.ts";
import { ownerships, xattrPolicies } from "../layer/form.ts";
import { type IdRange, parseIdMap } from "../layer/id-map.ts";
import type { UnpackLimits } from "../layer/limits.ts";
import type { CloneLink } from "../layer/worker/protocol.ts";
import type { LayerOptions } from "../verbs/unpack/options.ts";
import { choice, type OptionDefinition, type OptionValues, text, wholeNumber } from "./options.ts";
import { byteSize } from "./size-option.ts";

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
  {
    flags: "--max-bytes <size>",
    description:
      "bytes that may be written (default: what is free); K, M, G, T or KiB … TiB: times 1024",
  },
  { flags: "--max-file-bytes <size>", description: "bytes a file may have" },
  { flags: "--max-entries <number>", description: "entries of a layer (default: 10000000)" },
  { flags: "--max-path <size>", description: "bytes of a path (default: 4096)" },
  { flags: "--max-depth <number>", description: "components of a path (default: 512)" },
  { flags: "--max-xattr-bytes <size>", description: "attributes of an entry (default: 1M)" },
  { flags: "--max-ratio <number>", description: "bytes out for each byte in (default: no limit)" },
];

const SIZES = ["maxBytes", "maxFileBytes", "maxPath", "maxXattrBytes"] as const;
const COUNTS = ["maxEntries", "maxDepth", "maxRatio"] as const;

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
  const limits: Partial<UnpackLimits> = {
    ...given(SIZES, (name) => byteSize(values, name)),
    ...given(COUNTS, (name) => wholeNumber(values, name, { min: 1 })),
  };
  return {
    ownership: choice(values, "ownership", ownerships),
    uidMap: idMap(values, "uidMap"),
    gidMap: idMap(values, "gidMap"),
    xattrs: choice(values, "xattrs", xattrPolicies),
    sync: values.sync === true,
    limits,
  };
}

function given(
  names: readonly (keyof UnpackLimits)[],
  read: (name: keyof UnpackLimits) => number | undefined,
): Partial<UnpackLimits> {
  const values = names.map((name) => [name, read(name)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

export function readLink(values: OptionValues): CloneLink | undefined {
  return choice(values, "link", LINKS);
}

const LINKS: readonly CloneLink[] = ["auto", "copy", "reflink", "hardlink"];

function idMap(values: OptionValues, name: string): readonly IdRange[] | undefined {
  const value = text(values, name);
  return value === undefined ? undefined : parseIdMap(value);
}
