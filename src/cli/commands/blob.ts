import { createHash } from "node:crypto";
import { LadingError, throwIfAborted } from "../../errors.ts";
import { type Digest, digestAlgorithm, digestHex, isDigest } from "../../oci/digest.ts";
import type { CommandDefinition, Invocation } from "../command.ts";
import { wholeNumber } from "../options.ts";
import { parsePlace } from "../place.ts";

export const blob: CommandDefinition = {
  description: `Writes a blob to standard output, as its registry has it. A whole blob is verified: when its last
byte is out and the digest is wrong, the exit code is 5. A part can't be verified.`,
  arguments: [
    {
      name: "<reference>",
      description: "a repository or image that has it; store: asks the store",
    },
    { name: "<digest>", description: "of the blob: sha256:…" },
  ],
  options: [
    { flags: "--offset <bytes>", description: "where to begin (default: 0)" },
    { flags: "--length <bytes>", description: "how many bytes (default: to the end)" },
  ],
  examples: [
    { command: "lading blob alpine sha256:… > layer.tar.gz", explains: "the whole" },
    { command: "lading blob --length 512 alpine sha256:… | xxd", explains: "its first bytes" },
    { command: "lading blob store:alpine sha256:… | tar tz", explains: "of what was pulled" },
  ],
  doing: ([reference, digest]) => `write the blob ${digest} of ${reference}`,
  async run(invocation) {
    const digest = digestArgument(invocation.args[1] ?? "");
    const offset = wholeNumber(invocation.options, "offset") ?? 0;
    const length = wholeNumber(invocation.options, "length");
    const stream = await openStream(invocation, { digest, offset, length });
    const hash = createHash(digestAlgorithm(digest));
    for await (const bytes of stream) {
      throwIfAborted(invocation.signal);
      hash.update(bytes);
      await invocation.output.write(bytes);
    }
    const whole = offset === 0 && length === undefined;
    if (whole && hash.digest("hex") !== digestHex(digest)) {
      throw new LadingError("verification-failed", "what came does not have that digest", {
        digest,
        hint: "do not use what was written",
      });
    }
  },
};

interface Part {
  readonly digest: Digest;
  readonly offset: number;
  readonly length: number | undefined;
}

async function openStream(
  { args, settings, signal, watch, open }: Invocation,
  part: Part,
): Promise<ReadableStream<Uint8Array>> {
  const { side, reference } = parsePlace(args[0] ?? "");
  const onEvent = await watch("other");
  if (side === "store") {
    const { storedBlob } = await import("../stored.ts");
    return storedBlob({ root: settings.root, reference }, part);
  }
  const { digest, offset, length } = part;
  const lading = await open([reference]);
  return lading.fetchBlob(reference, digest, { offset, length, signal, onEvent });
}

function digestArgument(text: string): Digest {
  if (isDigest(text)) return text;
  throw new LadingError("usage", `${JSON.stringify(text.slice(0, 160))} is not a digest`, {
    hint: "a digest is sha256: and 64 lower-case hex digits (or sha384:, sha512:)",
  });
}
