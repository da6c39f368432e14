import type { OperationOptions } from "../content/events.ts";
import { LadingError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { CollectReport, StoredImage, VerifyReport } from "../store/types.ts";
import { failing } from "./failing.ts";
import type { Session } from "./session.ts";
import { storedName } from "./stored-image.ts";

export interface VerifyOptions extends OperationOptions {
  /** Move what is broken out of the way, so that the next pull fetches it again. */
  readonly repair?: boolean | undefined;
}

export interface CollectOptions extends OperationOptions {
  /** Say what would be freed, and free nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface RemoveResult {
  readonly reference: string;
  readonly digest: Digest;
}

export async function images(
  session: Session,
  options: OperationOptions = {},
): Promise<readonly StoredImage[]> {
  return (await session.store()).images(session.operation(options));
}

export async function remove(
  session: Session,
  text: string,
  options: OperationOptions = {},
): Promise<RemoveResult> {
  const store = await session.store();
  const reference = await storedName(store, text);
  return failing({ reference }, async () => {
    const removed = await store.remove(reference, session.operation(options));
    if (removed === undefined) {
      throw new LadingError("not-found", "the store has no image of that name", {
        hint: "see the names with: lading images",
      });
    }
    return { reference, digest: removed.digest };
  });
}

export async function verify(session: Session, options: VerifyOptions = {}): Promise<VerifyReport> {
  return (await session.store()).verify(session.operation(options));
}

export async function rebuild(
  session: Session,
  options: OperationOptions = {},
): Promise<{ readonly images: number }> {
  return (await session.store()).rebuild(session.operation(options));
}

export async function collect(
  session: Session,
  options: CollectOptions = {},
): Promise<CollectReport> {
  return (await session.store()).collect(session.operation(options));
}
