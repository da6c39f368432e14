import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSign, randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createSocket } from "node:net";
import { join } from "node:path";

export const USER = { name: "user", password: "pass word" };

export type Protection = "none" | "htpasswd" | "token";

export interface DebianRegistry extends AsyncDisposable {
  readonly address: string;
}

/** Whether the programs that these tests compare with are on this machine. */
export function installed(...programs: readonly string[]): boolean {
  return programs.every((program) => {
    try {
      execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** CNCF distribution, as Debian packages it, on a free loopback port. */
export async function debianRegistry(
  folder: string,
  protection: Protection,
): Promise<DebianRegistry> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const tokens = protection === "token" ? await tokenServer(folder) : undefined;
  const config = join(folder, `registry-${port}.yml`);
  writeFileSync(
    config,
    [
      "version: 0.1",
      "log: {level: error, accesslog: {disabled: true}}",
      `storage: {filesystem: {rootdirectory: ${join(folder, `data-${port}`)}}}`,
      `http: {addr: "${address}"}`,
      ...authOf(protection, folder, tokens),
    ].join("\n"),
  );
  // It takes any variable that begins so for a part of its configuration, Podman's too.
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith("REGISTRY_"));
  const child = spawn("docker-registry", ["serve", config], {
    stdio: "ignore",
    env: Object.fromEntries(env),
  });
  await answering(`http://${address}/v2/`, child);
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill();
      if (child.exitCode === null) await once(child, "close");
      tokens?.server.closeAllConnections();
      tokens?.server.close();
    },
  };
}

function authOf(protection: Protection, folder: string, tokens: Tokens | undefined): string[] {
  if (protection === "htpasswd") {
    const path = join(folder, "htpasswd");
    writeFileSync(path, execFileSync("htpasswd", ["-nbB", USER.name, USER.password]));
    return [`auth: {htpasswd: {realm: test, path: ${path}}}`];
  }
  if (tokens === undefined) return [];
  const { realm, certificate } = tokens;
  return [
    "auth:",
    `  token: {realm: "${realm}", service: test, issuer: test, rootcertbundle: ${certificate}}`,
  ];
}

interface Tokens {
  readonly server: Server;
  readonly realm: string;
  readonly certificate: string;
}

/** A token server as distribution's token specification describes it, signing with RS256. */
async function tokenServer(folder: string): Promise<Tokens> {
  const [key, certificate] = [join(folder, "token.key"), join(folder, "token.crt")];
  const subject = ["-days", "2", "-subj", "/CN=test"];
  const made = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    key,
    "-out",
    certificate,
  ];
  execFileSync("openssl", [...made, ...subject], { stdio: "ignore" });
  const x5c = [new X509Certificate(readFileSync(certificate)).raw.toString("base64")];
  const secret = readFileSync(key, "utf8");
  const basic = `Basic ${Buffer.from(`${USER.name}:${USER.password}`).toString("base64")}`;
  const server = createServer((request, response) => {
    if (request.headers.authorization !== basic) {
      response.writeHead(401).end('{"details":"incorrect username or password"}');
      return;
    }
    const scopes = new URL(request.url ?? "", "http://host").searchParams.getAll("scope");
    const access = scopes.map((scope) => {
      const [type, name, actions = ""] = scope.split(":");
      return { type, name, actions: actions.split(",") };
    });
    response.end(
      JSON.stringify({ token: sign({ alg: "RS256", typ: "JWT", x5c }, access, secret) }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { server, realm: `http://127.0.0.1:${port}/token`, certificate };
}

function sign(header: object, access: readonly object[], key: string): string {
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, nbf: now - 5, exp: now + 300 };
  const claims = { iss: "test", sub: USER.name, aud: "test", jti: randomUUID(), ...times, access };
  const encoded = [header, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  const signature = createSign("RSA-SHA256").update(encoded.join(".")).sign(key, "base64url");
  return [...encoded, signature].join(".");
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) break;
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`docker-registry does not answer at ${url}`);
}

async function freePort(): Promise<number> {
  const socket = createSocket().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, "close");
  return port;
}
