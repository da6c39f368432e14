// What it costs to say who one is, and to speak TLS: a small image, and one large layer.
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join, resolve } from "node:path";
import { imageLarge } from "./images.mjs";
import { alternate, sh, temporary } from "./measure.mjs";
import { registryWith } from "./peers.mjs";
import { mib, ratio, seconds, table } from "./report.mjs";

const LADING = resolve("dist/bin/lading.js");
const USERS = { me: "a password" };

/** What names the system's authorities elsewhere, or once more, which takes longer. */
const OF_THE_ENVIRONMENT = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];

export async function access({ rounds }) {
  for (const name of OF_THE_ENVIRONMENT) delete process.env[name];
  const folder = await temporary();
  const certificates = await madeCertificates(folder);
  const small = await smallRegistries(certificates);
  const layout = await imageLarge(join(folder, "large"), 256 * 2 ** 20);
  const tls = { certificate: certificates.server.cert, key: certificates.server.key };
  const plain = await registryWith(join(folder, "plain"), { large: layout });
  const secure = await registryWith(join(folder, "secure"), { large: layout }, { tls });
  const auth = await credentials(folder, small);
  const config = await settings(folder, { small, secure, certificates });
  const pull = (image) => ({
    command: (to) => [
      ...[process.execPath, LADING, "pull", "-q", "--config", config, "--authfile", auth],
      ...["--root", join(to, "store"), image],
    ],
  });
  const skopeo = (address, ...flags) => ({
    command: (to) => [
      ...["skopeo", "--insecure-policy", "copy", "-q", ...flags],
      ...[`docker://${address}/bench/large:latest`, `oci:${to}/oci:x`],
    ],
  });
  try {
    const smallCosts = await alternate(
      Object.fromEntries(small.map(({ name, address }) => [name, pull(`${address}/app:1`)])),
      rounds * 4,
    );
    const largeCosts = await alternate(
      {
        "lading, http": pull(`${plain.address}/bench/large`),
        "lading, TLS": pull(`${secure.address}/bench/large`),
        "skopeo, http": skopeo(plain.address, "--src-tls-verify=false"),
        "skopeo, TLS": skopeo(secure.address, "--src-cert-dir", certificates.folder),
      },
      rounds,
    );
    const [first] = Object.values(smallCosts);
    const rows = [
      ...Object.entries(smallCosts).map(([name, cost]) => [name, cost, cost.wall / first.wall]),
      ...Object.entries(largeCosts).map(([name, cost]) => [
        `256 MiB: ${name}`,
        cost,
        cost.wall / largeCosts[`${name.split(",")[0]}, http`].wall,
      ]),
    ];
    return {
      title: "Who one is, and TLS",
      text: "A small image (2 layers, 10 kB) from lading's own server in another process, the whole `lading pull`; and a layer of 256 MiB from Debian's registry. All on loopback, certificates by an authority of the settings, 2048-bit RSA.",
      table: table(
        ["", "wall s", "CPU s", "RSS MiB", "wall ÷ http"],
        rows.map(([name, { wall, cpu, rss }, share]) => [
          name,
          seconds(wall),
          seconds(cpu),
          mib(rss),
          ratio(share),
        ]),
      ),
      goals: [
        [
          "TLS, 256 MiB, against skopeo",
          largeCosts["lading, TLS"].wall / largeCosts["skopeo, TLS"].wall,
          1.15,
        ],
      ],
    };
  } finally {
    for (const { close } of small) await close();
    await plain.stop();
    await secure.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** lading's own server, once for each way to be spoken to. */
async function smallRegistries({ authority, server }) {
  const { createRegistry, randomImage } = await import(resolve("dist/testkit/index.js"));
  const made = [];
  for (const [name, auth] of [
    ["http", undefined],
    ["http, Basic", { kind: "basic", users: USERS }],
    ["http, Bearer", { kind: "bearer", users: USERS }],
  ]) {
    const registry = await createRegistry({ auth });
    registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
    made.push({ name, address: registry.address, close: () => registry.close() });
  }
  const { openGate } = await import(resolve("dist/server/auth.js"));
  const { answer } = await import(resolve("dist/server/router.js"));
  const { MadeContent } = await import(resolve("dist/testkit/index.js"));
  const content = new MadeContent();
  content.tag("app:1", randomImage(content, { seed: 1 }).descriptor);
  const [cert, key, ca] = await Promise.all(
    [server.cert, server.key, authority.cert].map((path) => readFile(path)),
  );
  for (const [name, mutual] of [
    ["TLS", false],
    ["TLS, client certificate", true],
  ]) {
    const options = { cert, key, ca, requestCert: mutual, rejectUnauthorized: mutual };
    const listening = createServer(options).listen(0, "127.0.0.1");
    await once(listening, "listening");
    const address = `127.0.0.1:${listening.address().port}`;
    const serving = { content, gate: openGate(), base: `https://${address}` };
    listening.on("request", (request, response) => void answer(serving, request, response));
    const close = () => {
      listening.closeAllConnections();
      listening.close();
    };
    made.push({ name, address, mutual, secure: true, close });
  }
  return made;
}

async function madeCertificates(folder) {
  const at = (name) => join(folder, "certificates", name);
  await sh(`mkdir -p ${at("")} && cd ${at("")}
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -days 2 -keyout ca.key -out ca.crt
    for who in server client; do
      openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who.pem -out $who.csr
      openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \\
        -extfile <(echo subjectAltName=IP:127.0.0.1) -out $who.cert
    done
    mkdir trusted && cp ca.crt trusted`);
  return {
    // As skopeo and docker take it: each *.crt is an authority.
    folder: at("trusted"),
    authority: { cert: at("ca.crt") },
    server: { cert: at("server.cert"), key: at("server.pem") },
    client: { cert: at("client.cert"), key: at("client.pem") },
  };
}

async function credentials(folder, registries) {
  const [[user, password]] = Object.entries(USERS);
  const auth = Buffer.from(`${user}:${password}`).toString("base64");
  const path = join(folder, "auth.json");
  const auths = Object.fromEntries(registries.map(({ address }) => [address, { auth }]));
  await writeFile(path, JSON.stringify({ auths }), { mode: 0o600 });
  return path;
}

async function settings(folder, { small, secure, certificates }) {
  const { authority, client } = certificates;
  const hosts = [...small.filter((one) => one.secure), { address: secure.address }];
  const text = hosts.map(({ address, mutual }) => {
    const own = mutual ? `\nclient = [{ cert = "${client.cert}", key = "${client.key}" }]` : "";
    return `[registry."${address}"]\nca = "${authority.cert}"${own}\n`;
  });
  const path = join(folder, "lading.toml");
  await writeFile(path, text.join("\n"));
  return path;
}
