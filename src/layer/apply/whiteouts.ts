import { LadingError } from "../../errors.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import { shown } from "../entry-path.ts";

/**
 * What a name means (image-spec, layer.md): an ordinary one, `.wh.NAME` (the layers below lose NAME),
 * `.wh..wh..opq` (they lose all of the directory), or what AUFS left for itself.
 */
export type NameMeaning =
  | { readonly kind: "ordinary" }
  | { readonly kind: "whiteout"; readonly name: ByteString }
  | { readonly kind: "opaque" }
  | { readonly kind: "aufs" };

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** `.wh..wh.plnk`, `.wh..wh.aufs`, `.wh..wh.orph`: no file of the image, in it or below it. */
const AUFS = /(?:^|\/)\.wh\.\.wh\.(?!\.opq$)/;

export function meaningOf(path: ByteString, name: ByteString): NameMeaning {
  if (!path.includes(PREFIX)) return ORDINARY;
  if (name === OPAQUE) return { kind: "opaque" };
  if (AUFS.test(path)) return { kind: "aufs" };
  if (!name.startsWith(PREFIX)) return ORDINARY;
  const hidden = name.slice(PREFIX.length) as ByteString;
  // Without a name it once counted as opaque, for some; `.` and `..` would be worse (image-spec #1257).
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw new LadingError("malformed", `${shown(path)} is a whiteout of no name`, {
      hint: "the layer is damaged or hostile; nothing of it was kept",
    });
  }
  return { kind: "whiteout", name: hidden };
}

const ORDINARY: NameMeaning = { kind: "ordinary" };
