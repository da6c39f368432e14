import { LadingError } from "../errors.ts";
import { type ByteString, textOf } from "../tar/byte-string.ts";
import { overLimit, type UnpackLimits } from "./limits.ts";

/** A name that can't be a part of a path as it stands: empty, `.` or `..`. */
const ODD = /(?:^|\/)\.{0,2}(?:\/|$)/;
const LONGEST_NAME = 255;

/**
 * The name of an entry as a path below the root: leading slashes, `.` and empty components fall away,
 * and what is left of `/` and `.` is `""`, the root itself. `..` is refused wherever it stands: no
 * builder writes it, and every reader reads it differently (CVE-2014-6407 and its kin).
 */
export function entryPath(name: ByteString, limits: UnpackLimits): ByteString {
  const plain = name.startsWith("./") ? name.slice(2) : name;
  const clean = ODD.test(plain) ? normalized(name) : plain;
  checkPath(clean, limits);
  return clean as ByteString;
}

function normalized(name: ByteString): string {
  const components = name.split("/").filter((component) => component !== "" && component !== ".");
  if (components.includes("..")) {
    throw new LadingError("malformed", `the name ${shown(name)} leads out of its directory`, {
      hint: "the layer is damaged or hostile; nothing of it was kept",
    });
  }
  return components.join("/");
}

/** Its length, and that of its parts. */
export function checkPath(path: string, { maxPath, maxDepth }: UnpackLimits): void {
  if (path.length > maxPath) {
    throw overLimit("maxPath", maxPath, `a path has ${path.length} bytes`);
  }
  // What is shorter than one name may be can break neither of the other rules.
  if (path.length <= Math.min(LONGEST_NAME, maxDepth)) return;
  const components = path.split("/");
  if (components.length > maxDepth) {
    throw overLimit("maxDepth", maxDepth, `a path has ${components.length} components`);
  }
  if (components.some((component) => component.length > LONGEST_NAME)) {
    throw new LadingError("limit-exceeded", `a name is longer than ${LONGEST_NAME} bytes`);
  }
}

/** For a message: not all of a name that may be a page long. */
export function shown(name: ByteString): string {
  return JSON.stringify(textOf(name.slice(0, 160) as ByteString));
}
