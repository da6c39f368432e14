import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { Credential } from "../../src/registry/auth/credentials.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { refusedSocket } from "../registry/refused-socket.ts";
import type { Received } from "../registry/scripted-registry.ts";
import { selfSigned } from "../registry/self-signed.ts";
import { faultRig, type Rig } from "./rig.ts";

const SECRET = "hunter2-very-secret";
const LAYERS = "https://layers.example/layer";
const MIRROR = "https://mirror.example/layer";

describe("a foreign layer", () => {
  it.each([
    ["Basic", 'Basic realm="layers"'],
    ["Bearer", 'Bearer realm="https://mirror.example/token",service="s",scope="x"'],
  ])(
    "is asked for without credentials, whatever its host wants: %s (CVE-2020-15157)",
    async (_, challenge) => {
      await using rig = await foreignRig([LAYERS]);
      rig.answers.set("layers.example", { status: 401, challenge });
      await expect(rig.pull()).rejects.toMatchObject({
        code: "not-found",
        context: { status: 401, url: LAYERS },
      });
      const [asked] = rig.received;
      expect(asked?.path).toBe("/layer");
      // Nor does the host of a layer choose a token server.
      expect(new Set(rig.received.map(({ headers }) => headers.host))).toEqual(
        new Set(["layers.example"]),
      );
      expect(rig.received.some(({ headers }) => headers.authorization ?? headers.cookie)).toBe(
        false,
      );
      expect(JSON.stringify(rig.received)).not.toContain(SECRET);
      // The registry itself got them: there was something to leak.
      expect(rig.registry.received.some(({ headers }) => headers.authorization)).toBe(true);
    },
  );

  it("comes from where it says, verified, and the registry is not asked for it (fault 29)", async () => {
    await using rig = await foreignRig([LAYERS]);
    const pulled = await rig.pull();
    expect(pulled.images[0]?.layers.map(({ outcome }) => outcome)).toEqual(["copied"]);
    expect(rig.received).toHaveLength(1);
    const { digest } = rig.layer;
    expect(rig.registry.asked.some((line) => line.endsWith(`/blobs/${digest}`))).toBe(false);
    expect(await rig.blobs()).toContain(digest.slice("sha256:".length));
  });

  it("that is not what its digest names is not kept", async () => {
    await using rig = await foreignRig([LAYERS]);
    rig.answers.set("layers.example", { status: 200, body: Buffer.alloc(rig.layer.size, 7) });
    await expect(rig.pull()).rejects.toMatchObject({ code: "verification-failed" });
    expect(await rig.blobs()).not.toContain(rig.layer.digest.slice("sha256:".length));
  });

  it("comes from the next address when one does not have it, is no https or names a user", async () => {
    const others = [
      "http://layers.example/layer",
      "https://me:pw@layers.example/layer",
      "nonsense",
    ];
    await using rig = await foreignRig([...others, LAYERS, MIRROR]);
    rig.answers.set("layers.example", { status: 404 });
    await rig.pull();
    expect(rig.received.map(({ headers, path }) => `${headers.host}${path}`)).toEqual([
      "layers.example/layer",
      "mirror.example/layer",
    ]);
    expect(await rig.blobs()).toContain(rig.layer.digest.slice("sha256:".length));
  });

  it("is not fetched from inside, by an address, a name or a redirect (ggcr #2293)", async () => {
    const urls = [
      "https://169.254.169.254/latest",
      "https://10.0.0.1/layer",
      "https://localhost/layer",
      "https://inside.example/layer",
    ];
    await using rig = await foreignRig(urls);
    await expect(rig.pull()).rejects.toMatchObject({ code: "refused" });
    expect(new Set(rig.attempted)).toEqual(new Set([rig.registry.address]));

    await using redirecting = await foreignRig([LAYERS]);
    const location = "https://10.0.0.1/layer";
    redirecting.answers.set("layers.example", { status: 307, location });
    await expect(redirecting.pull()).rejects.toMatchObject({ code: "refused" });
    expect(new Set(redirecting.attempted)).toEqual(
      new Set([redirecting.registry.address, `${PUBLIC}:443`]),
    );
  });

  it("comes from a private address of a host that is trusted by name", async () => {
    await using rig = await foreignRig(["https://mirror.example/layer"], {
      trustHosts: ["mirror.example"],
      inside: true,
    });
    await rig.pull();
    expect(rig.attempted).toContain(`${PRIVATE}:443`);
    await using refused = await foreignRig(["https://mirror.example/layer"], { inside: true });
    await expect(refused.pull()).rejects.toMatchObject({ code: "refused" });
    expect(new Set(refused.attempted)).toEqual(new Set([refused.registry.address]));
  });
});

const PUBLIC = "93.184.216.40";
const PRIVATE = "10.1.2.3";

interface Reply {
  readonly status: number;
  readonly challenge?: string;
  readonly location?: string;
  readonly body?: Uint8Array;
}

interface ForeignRig extends Rig {
  readonly layer: Descriptor;
  /** Requests that hosts of layers got. */
  readonly received: Received[];
  /** By host; who is not in it sends the layer. */
  readonly answers: Map<string, Reply>;
  /** Addresses to which a connection was begun. */
  readonly attempted: string[];
}

/** A registry with credentials, an image whose one layer is elsewhere, and a server in place of all hosts. */
async function foreignRig(
  urls: readonly string[],
  { inside = false, ...options }: OpenOptions & { readonly inside?: boolean } = {},
): Promise<ForeignRig> {
  const received: Received[] = [];
  const answers = new Map<string, Reply>();
  const attempted: string[] = [];
  const host = await listening(
    (request, body) => {
      const { method = "", url: path = "", headers } = request;
      received.push({ method, path, headers });
      return answers.get(headers.host ?? "") ?? { status: 200, body };
    },
    () => layerBytes,
  );
  const credential: Credential = { kind: "basic", username: "user", password: SECRET };
  const rig = await faultRig({
    retry: { retries: 0, baseMs: 1, capMs: 1, random: () => 0 },
    // One that gives its secret to whoever asks: what keeps it back is not the source.
    credentials: { get: async () => credential },
    transport: {
      ca: selfSigned.cert,
      lookup: async (name) => {
        const near = inside || name === "inside.example";
        if (name === "localhost") return [{ address: "127.0.0.1", family: 4 }];
        return [{ address: near ? PRIVATE : PUBLIC, family: 4 }];
      },
      connect({ address, port }): Socket {
        attempted.push(`${address}:${port}`);
        if (address === "127.0.0.1") return connect(port, address);
        return [PUBLIC, PRIVATE].includes(address) ? connect(host, "127.0.0.1") : refusedSocket();
      },
    },
    ...options,
  });
  rig.registry.challenge = 'Basic realm="r"';
  const { content } = rig.registry;
  const [made = rig.image.config] = rig.image.layers;
  const layerBytes = content.blobs.get(made.digest) ?? new Uint8Array();
  const layer = { ...made, mediaType: FOREIGN, urls: [...urls] };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = { schemaVersion: 2, mediaType, config: rig.image.config, layers: [layer] };
  content.tag("foreign:1", content.addManifest(mediaType, manifest));
  const reference = `${rig.registry.address}/foreign:1`;
  const pull = () => rig.lading.pull(reference, { foreignLayers: true });
  return { ...rig, pull, layer, received, answers, attempted };
}

const FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar";

async function listening(
  answer: (request: IncomingMessage, layer: Uint8Array) => Reply,
  layer: () => Uint8Array,
): Promise<number> {
  const server = createServer(selfSigned, (request, response) => {
    const { status, challenge, location, body } = answer(request, layer());
    if (challenge !== undefined) response.setHeader("www-authenticate", challenge);
    if (location !== undefined) response.setHeader("location", location);
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
