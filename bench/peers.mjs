// The registry and the tools that lading is compared with, each from Debian.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sh } from "./measure.mjs";

/**
 * CNCF distribution, with the image of a layout pushed into it as `bench/NAME:latest`; over TLS with a
 * certificate and its key.
 */
export async function registryWith(folder, images, { tls } = {}) {
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(folder, "registry.yml");
  const secured =
    tls === undefined ? "" : `, tls: {certificate: ${tls.certificate}, key: ${tls.key}}`;
  await mkdir(folder, { recursive: true });
  await writeFile(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${folder}/registry}}
http: {addr: "${address}"${secured}}
`,
  );
  const child = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  await until(() => connected(address));
  for (const [name, layout] of Object.entries(images)) {
    await sh(
      `skopeo --insecure-policy copy -q --preserve-digests --dest-tls-verify=false oci:${layout}:latest docker://${address}/bench/${name}:latest`,
    );
  }
  return { address, pid: child.pid, stop: () => stopped(child) };
}

/** A containerd of its own, its content in a folder; `wrap` changes the command that starts it. */
export async function containerd(folder, content, wrap = (command) => command) {
  const address = join(folder, "containerd.sock");
  const config = join(folder, "containerd.toml");
  await writeFile(
    config,
    `version = 2
root = "${content}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${address}"
`,
  );
  const [program, ...args] = wrap(["containerd", "-c", config]);
  const child = spawn(program, args, { stdio: "ignore" });
  await until(() => sh(`ctr -a ${address} version`));
  return { address, pid: child.pid, stop: () => stopped(child) };
}

async function stopped(child) {
  const closed = once(child, "close");
  child.kill();
  await closed;
}

async function until(answers) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (
      await Promise.resolve(answers()).then(
        () => true,
        () => false,
      )
    )
      return;
    await sleep(100);
  }
  throw new Error("a peer did not start");
}

async function connected(address) {
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  await once(socket, "connect");
  socket.destroy();
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
