import type { LocalStore } from "../store/local-store.ts";
import type { StoredImage } from "../store/types.ts";
import type { WantedPlatform } from "./platform-choice.ts";

/** The image as the store has it, when everything that is wanted of it is complete. */
export function completeImage(
  store: LocalStore,
  name: string,
  wanted: WantedPlatform,
  { foreignLayers = false }: { readonly foreignLayers?: boolean | undefined } = {},
): Promise<StoredImage | undefined> {
  if (wanted.kind === "all") return store.find(name, undefined, { every: true, foreignLayers });
  return store.find(name, wanted.platform, { anyLone: !wanted.asked, foreignLayers });
}
