import { copy } from "../../src/content/copy.ts";
import type { Platform } from "../../src/oci/platform.ts";
import type { LocalStore } from "../../src/store/local-store.ts";
import {
  type ImageShape,
  MadeContent,
  type MadeImage,
  randomImage,
} from "../../src/testkit/index.ts";
import { asSource } from "./made-source.ts";

/** Puts a random image into a store under a name. */
export async function addImage(
  store: LocalStore,
  reference: string,
  shape: ImageShape,
): Promise<MadeImage> {
  const content = new MadeContent();
  const made = randomImage(content, shape);
  await copy(asSource(content), store, made.descriptor);
  const platform: Platform = shape.platform ?? { os: "linux", architecture: "amd64" };
  const manifests = [{ descriptor: made.descriptor, platform }];
  await store.record({ reference, descriptor: made.descriptor, manifests });
  return made;
}
