import { LadingError } from "../../errors.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import { shown } from "../entry-path.ts";

export function noTarget(path: ByteString, target: ByteString): LadingError {
  const text = `${shown(path)} is a hard link to ${shown(target)}, which no layer has as a file`;
  return new LadingError("malformed", text, {
    hint: "the image is damaged; build it again",
  });
}
