import { LadingError } from "../errors.ts";
import type { ImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageIndex } from "../oci/manifest.ts";
import { isIndexType } from "../oci/media-types.ts";
import { defaultPlatform, formatPlatform, type Platform, parsePlatform } from "../oci/platform.ts";
import { isRunnable, selectPlatform } from "../oci/platform-match.ts";

/** Which images of a reference a caller wants. */
export type WantedPlatform =
  | { readonly kind: "all" }
  /** `asked` is false for the host's own platform, which nobody named. */
  | { readonly kind: "one"; readonly platform: Platform; readonly asked: boolean };

export function wantedPlatform(options: {
  readonly platform?: string | Platform | undefined;
  readonly allPlatforms?: boolean | undefined;
}): WantedPlatform {
  const { platform, allPlatforms } = options;
  if (allPlatforms && platform !== undefined) {
    throw new LadingError("usage", "one platform and all platforms can't be asked for at once");
  }
  if (allPlatforms) return { kind: "all" };
  if (platform === undefined) return { kind: "one", platform: defaultPlatform(), asked: false };
  const parsed = typeof platform === "string" ? parsePlatform(platform) : platform;
  return { kind: "one", platform: parsed, asked: true };
}

/** Chooses entries of indexes, and remembers what there was to choose from. */
export class PlatformChoice {
  readonly #wanted: WantedPlatform;
  readonly #available = new Set<string>();
  readonly #chosen = new Map<Digest, Platform | undefined>();
  /** Of the chosen, those that are no indexes and have not been turned down. */
  readonly #found = new Set<Digest>();
  #looked = false;

  constructor(wanted: WantedPlatform) {
    this.#wanted = wanted;
  }

  /**
   * What to copy of an index. Without a match its nested indexes are looked into, of which some may
   * have nothing: {@link checkFound} says in the end whether any had.
   */
  readonly select = (index: ImageIndex): readonly Descriptor[] => {
    this.#looked = true;
    const runnable = index.manifests.filter(isRunnable);
    for (const { platform } of runnable) {
      if (platform !== undefined) this.#available.add(formatPlatform(platform));
    }
    const chosen = this.#choose(runnable);
    for (const entry of chosen) {
      this.#chosen.set(entry.digest, entry.platform);
      if (!isIndexType(entry.mediaType)) this.#found.add(entry.digest);
    }
    if (chosen.length > 0) return chosen;
    return runnable.filter((entry) => isIndexType(entry.mediaType));
  };

  /** Whether only an image's config can tell if it is for the platform that was asked for by name. */
  needsConfig({ digest }: Descriptor): boolean {
    const asked = this.#wanted.kind === "one" && this.#wanted.asked;
    return asked && this.#chosen.get(digest) === undefined;
  }

  /** Whether an image is wanted, by its config where no index tells its platform. */
  accepts(descriptor: Descriptor, config: ImageConfig): boolean {
    if (this.#wanted.kind === "all" || !this.needsConfig(descriptor)) return true;
    this.#looked = true;
    this.#available.add(formatPlatform(config.platform));
    const fits = selectPlatform(this.#wanted.platform, [{ platform: config.platform }]);
    if (fits === undefined) this.#found.delete(descriptor.digest);
    else this.#found.add(descriptor.digest);
    return fits !== undefined;
  }

  /** Call it when all has been looked at: throws when nothing of it was for the platform. */
  checkFound(): void {
    if (this.#wanted.kind === "all" || !this.#looked) return;
    if (this.#found.size === 0) throw this.noMatch();
  }

  /** An index names the platform; an image on its own tells it in its config. */
  platformOf(descriptor: Descriptor, config: ImageConfig): Platform {
    return this.#chosen.get(descriptor.digest) ?? config.platform;
  }

  /** As the index lists them, in whatever order they came. */
  inOrder<T extends { readonly descriptor: Descriptor }>(images: readonly T[]): readonly T[] {
    const order = [...this.#chosen.keys()];
    const place = ({ descriptor }: T): number => order.indexOf(descriptor.digest);
    return [...images].sort((a, b) => place(a) - place(b));
  }

  #choose(entries: readonly Descriptor[]): readonly Descriptor[] {
    if (this.#wanted.kind === "all") return entries;
    const best = selectPlatform(this.#wanted.platform, entries);
    return best === undefined ? [] : [best];
  }

  noMatch(): LadingError {
    const wanted = this.#wanted.kind === "one" ? formatPlatform(this.#wanted.platform) : "any";
    const available = [...this.#available].join(", ") || "none";
    return new LadingError("platform-not-found", `there is no image for ${wanted}`, {
      hint: `available: ${available}; choose with --platform`,
    });
  }
}
