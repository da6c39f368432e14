import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { LadingError } from "../../errors.ts";
import { type AddressClass, classify, mayReach } from "../http/address.ts";
import { redactUrl } from "../http/redact.ts";

export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;

export async function systemLookup(): Promise<Lookup> {
  const { lookup } = await import("node:dns/promises");
  return (hostname) => lookup(hostname, { all: true, verbatim: true });
}

/** Resolves, and leaves only addresses that may be reached; with none left there is no connection. */
export function guardedLookup(lookup: Lookup, reach: AddressClass): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname).then(
      (addresses) => {
        const allowed = addresses.filter(({ address }) => mayReach(reach, classify(address)));
        const [first] = allowed;
        if (first === undefined) {
          callback(refusedName(hostname, addresses[0]?.address ?? "nothing"), "", 0);
        } else if (options.all) callback(null, [...allowed]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, "", 0),
    );
  };
}

const HINT =
  "an answer must not lead to a less public network than the registry's; see docs/realm-policy.md, and --trust-host (trustHosts) for hosts of your own";

export function refusedAddress(url: URL, address: string): LadingError {
  return new LadingError("refused", `a connection to ${address} is refused`, {
    url: redactUrl(url),
    hint: HINT,
  });
}

export function refusedName(hostname: string, address: string): LadingError {
  return new LadingError("refused", `a connection to ${hostname} is refused: it is ${address}`, {
    hint: HINT,
  });
}
