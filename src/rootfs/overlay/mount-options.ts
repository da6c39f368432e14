import { LadingError } from "../../errors.ts";

export interface OverlayMount {
  /** Top first. */
  readonly lower: readonly string[];
  readonly upper?: string | undefined;
  readonly work?: string | undefined;
  readonly userxattr: boolean;
}

/** mount(2) takes a page of options, the zero at their end included, and cuts off what is longer. */
const LONGEST = 4095;

/** The options of an overlay mount. Paths are names of ours, without the letters that would need escapes. */
export function overlayMountOptions({ lower, upper, work, userxattr }: OverlayMount): string {
  const options = [
    ...(userxattr ? ["userxattr"] : []),
    `lowerdir=${lower.join(":")}`,
    ...(upper === undefined ? [] : [`upperdir=${upper}`]),
    ...(work === undefined ? [] : [`workdir=${work}`]),
  ].join(",");
  if (options.length <= LONGEST) return options;
  throw new LadingError("unsupported", `${lower.length} layers are too many for one mount`, {
    hint: "make a directory instead, with: lading unpack REFERENCE DIRECTORY",
  });
}
