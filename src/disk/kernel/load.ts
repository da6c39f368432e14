import type { Kernel } from "./kernel.ts";

/**
 * What Node lacks, by way of koffi: an optional package, prebuilt, that runs no script when it is
 * installed. `undefined` where it is missing or is not for this system; callers then do without and
 * say what is lost.
 */
export async function loadKernel(): Promise<Kernel | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const { default: koffi } = await import("koffi");
    const { linuxKernel } = await import("./linux.ts");
    return linuxKernel(koffi);
  } catch {
    return undefined;
  }
}
