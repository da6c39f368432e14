import type { Entry, Field } from "../rootfs/snapshot.ts";

interface KnownDifference {
  readonly peer: "umoci" | "buildah";
  readonly reason: string;
  is(field: Field, ours: Entry, theirs: Entry, since: bigint): boolean;
}

const unspoken: Pick<KnownDifference, "reason" | "is"> = {
  reason: "a directory that no layer has an entry for takes its group from the one that it is in",
  is: (field, ours, theirs) =>
    (field === "mode" || field === "gid") &&
    ours.type === "directory" &&
    ours.mtimeNs === "0" &&
    (theirs.mode & 0o2000) !== 0,
};

/** Where Debian's umoci 0.4.7 and buildah 1.28 part from image-spec, and lading keeps to it. */
const KNOWN: readonly KnownDifference[] = [
  {
    peer: "umoci",
    reason: "sets a directory's time, then loses it when it makes a parent without entry in it",
    is: (field, _, theirs, since) => field === "mtimeNs" && timeIsLost(theirs, since),
  },
  { peer: "umoci", ...unspoken },
  { peer: "buildah", ...unspoken },
  {
    peer: "buildah",
    reason: "loses a lower directory's time when a layer without an entry for it changes it",
    is: (field, _, theirs, since) => field === "mtimeNs" && timeIsLost(theirs, since),
  },
  {
    peer: "buildah",
    reason: "puts times before 1970 to 1970",
    is: (field, ours, theirs) =>
      field === "mtimeNs" && ours.mtimeNs.startsWith("-") && theirs.mtimeNs === "0",
  },
  {
    peer: "buildah",
    reason: "adds a directory's xattrs to those of the lower one; the spec has them replaced",
    is: (field, ours, theirs) =>
      field === "xattrs" &&
      ours.type === "directory" &&
      Object.entries(ours.xattrs).every(([name, value]) => theirs.xattrs[name] === value),
  },
];

/** For `differences(ours, theirs)`: what is known about the peer, in a comparison begun at `since`. */
export function knownOf(
  peer: "umoci" | "buildah",
  since: bigint,
): (path: string, field: Field, ours: Entry | undefined, theirs: Entry | undefined) => boolean {
  const known = KNOWN.filter((each) => each.peer === peer);
  return (_, field, ours, theirs) => {
    if (ours === undefined || theirs === undefined) return false;
    return known.some((each) => each.is(field, ours, theirs, since));
  };
}

/** Times in images lie far away: one within the comparison is that of the unpacking. */
function timeIsLost({ type, mtimeNs }: Entry, since: bigint): boolean {
  const time = BigInt(mtimeNs);
  return type === "directory" && time >= since && time <= since + 3_600_000_000_000n;
}

/**
 * For `differences(flat, overlay)`: a hard link whose other name an upper layer hides still counts in
 * the layer that it comes from, and overlayfs shows that count.
 */
export function knownOfOverlay(
  _: string,
  field: Field,
  flat: Entry | undefined,
  overlay: Entry | undefined,
): boolean {
  return field === "links" && (overlay?.links ?? 0) > (flat?.links ?? 0);
}
