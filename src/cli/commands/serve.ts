import { once } from "node:events";
import { abortedError, LadingError } from "../../errors.ts";
import { parseReference } from "../../oci/reference.ts";
import { isLoopback } from "../../registry/http/address.ts";
import type { Lading } from "../../verbs/open.ts";
import type { CommandDefinition } from "../command.ts";
import { text } from "../options.ts";

export const serve: CommandDefinition = {
  description: `Serves the local store as a registry, read only, until it is interrupted. An image's repository is
its reference's path without the host: docker.io/library/alpine is library/alpine. Where two
hosts share a path, ?ns=HOST chooses, as mirrors are asked; otherwise the latest pulled.`,
  options: [
    {
      flags: "--listen <host:port>",
      description: "where to listen (default: 127.0.0.1 and a free port)",
    },
  ],
  examples: [
    { command: "lading serve --listen 127.0.0.1:5000", explains: "for this machine" },
    { command: "lading serve --listen 0.0.0.0:5000", explains: "for everyone who can reach it" },
    {
      command: "skopeo copy --src-tls-verify=false docker://127.0.0.1:5000/library/alpine dir:out",
      explains: "pull from it",
    },
  ],
  untilInterrupted: true,
  doing: () => "serve the store",
  async run(invocation) {
    const { settings, options, output, signal } = invocation;
    const { host, port } = parseListen(text(options, "listen") ?? "127.0.0.1:0");
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open();
    const server = await lading.serve({ host, port });
    try {
      if (settings.json)
        await output.json({ url: server.url, address: server.address, port: server.port });
      else {
        await output.line(`serving ${server.url}`);
        const example = await anImage(lading, server.address);
        invocation.note(`pull from it: lading pull ${example}`);
      }
      if (!isLoopback(host)) {
        const message = `whoever reaches ${server.address} can read every image of the store`;
        onEvent({ type: "warning", code: "store", message });
      }
      if (!signal.aborted) await once(signal, "abort");
      throw abortedError(signal);
    } finally {
      await server.close();
    }
  },
};

const LISTEN = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]*)):([0-9]{1,5})$/i;

function parseListen(listen: string): { host: string; port: number } {
  const match = LISTEN.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new LadingError("usage", `--listen is host:port, not ${JSON.stringify(listen)}`, {
      hint: "127.0.0.1:5000, [::1]:5000, or 0.0.0.0:5000 for every interface",
    });
  }
  return { host: match[1] || match[2] || "127.0.0.1", port };
}

/** Something that is there, so that the line can be copied as it stands. */
async function anImage(lading: Lading, address: string): Promise<string> {
  const named = (await lading.images()).find(({ reference }) => reference !== undefined);
  const { repository, tag } = parseReference(named?.reference ?? "library/alpine:latest");
  return `${address}/${repository}${tag === undefined ? "" : `:${tag}`}`;
}
