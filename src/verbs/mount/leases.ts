import { LadingError } from "../../errors.ts";
import type { StoredLease } from "../../store/types.ts";
import type { Session } from "../session.ts";

/** Leases that outlive their process: of mounts, bundles and overlay stacks, and those with a time. */
export async function leases(session: Session): Promise<readonly StoredLease[]> {
  return (await session.store()).leases();
}

/** Ends one: what it kept goes with the next collection, unless something else needs it. */
export async function removeLease(session: Session, id: string): Promise<StoredLease> {
  const removed = await (await session.store()).removeLease(id);
  if (removed !== undefined) return removed;
  throw new LadingError("not-found", `the store has no lease ${JSON.stringify(id.slice(0, 80))}`, {
    hint: "see them with: lading lease ls",
  });
}
