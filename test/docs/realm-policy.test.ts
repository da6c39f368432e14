import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { Connections } from "../../src/registry/connections/connections.ts";
import { type AddressClass, classify, mayReach } from "../../src/registry/http/address.ts";
import { proxiedClass } from "../../src/registry/proxy/policy.ts";
import { plainSettings } from "../../src/registry/settings/plain.ts";
import { parseProxyUrl } from "../../src/registry/settings/proxy-url.ts";
import { quoted, read, rowsBelow, tables } from "./document.ts";

describe("docs/realm-policy.md", () => {
  const reaches: Readonly<
    Record<string, { readonly reach?: AddressClass; readonly trusted?: true }>
  > = {
    "named by you": {},
    "led to by a public host": { reach: "public" },
    "by a private one": { reach: "private" },
    "by a loopback one": { reach: "loopback" },
    "led to, with `--trust-host`": { reach: "public", trusted: true },
  };

  const examples = async (): Promise<string[][]> =>
    rowsBelow(await read("docs/realm-policy.md"), "address");
  const classes = async (): Promise<string[][]> =>
    rowsBelow(await read("docs/realm-policy.md"), "class");

  it("puts each network that it names into the class that the code does", async () => {
    for (const [name, addresses = ""] of (await classes()).slice(1)) {
      for (const [address] of addresses.matchAll(/[0-9a-f]*[.:][0-9a-f.:]*/g)) {
        expect(classify(address), address).toBe(name);
      }
    }
  });

  it("puts each address of its examples into the class that the code does", async () => {
    const rows = await examples();
    expect(rows.length).toBeGreaterThan(15);
    for (const [address, name] of rows)
      expect(classify(quoted(address)[0] ?? ""), address).toBe(name);
  });

  it("lets lead where the code does, for each class and each one who leads", async () => {
    const [heading = []] = tables(await read("docs/realm-policy.md"))[0] ?? [];
    expect(heading.slice(2)).toEqual(Object.keys(reaches));
    const addresses = await examples();
    expect((await classes()).map(([name]) => name)).toEqual([
      "public",
      "private",
      "loopback",
      "refused",
    ]);
    for (const [name = "", , ...cells] of await classes()) {
      for (const [at, { reach, trusted }] of Object.values(reaches).entries()) {
        const allowed = cells[at] === "yes";
        const what = `${name}, ${heading[at + 2]}`;
        if (reach !== undefined && !trusted)
          expect(mayReach(reach, name as AddressClass), what).toBe(allowed);
        for (const [address] of addresses.filter(([, known]) => known === name)) {
          const target = quoted(address)[0] ?? "";
          expect(await connects(target, reach, trusted ?? false), `${what}: ${target}`).toBe(
            allowed,
          );
        }
      }
    }
  });

  it("lets lead behind a proxy where the code does", async () => {
    const table = tables(await read("docs/realm-policy.md")).find(
      ([heading]) => heading?.[0] === "host behind a proxy",
    );
    const [heading = [], ...rows] = table ?? [];
    const classesSeen = new Set<string>();
    for (const [hosts, name = "", ...cells] of rows) {
      classesSeen.add(name);
      for (const host of quoted(hosts)) {
        expect(proxiedClass(host), host).toBe(name);
        for (const [at, cell] of cells.entries()) {
          const leader = reaches[heading[at + 2] ?? ""] ?? { reach: "refused" };
          expect(await passes(host, leader), `${host}, ${heading[at + 2]}`).toBe(cell === "yes");
        }
      }
    }
    expect([...classesSeen]).toEqual(["public", "private", "loopback", "refused"]);
  });

  /** Whether a proxy would be asked for a host. */
  async function passes(
    host: string,
    { reach, trusted }: { readonly reach?: AddressClass; readonly trusted?: true },
  ): Promise<boolean> {
    const hostname = new URL(`https://${host}/`).hostname;
    const connections = new Connections({
      proxies: () => ({ proxy: parseProxyUrl("proxy.lan:3128"), from: "HTTPS_PROXY" }),
      settings: plainSettings({ trustHosts: trusted ? [hostname] : [] }),
    });
    const scope = { registry: "registry.example", repository: "app", action: "pull" } as const;
    try {
      await connections.prepare(
        new URL(`https://${host}/token`),
        reach === undefined ? scope : { ...scope, reach },
      );
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: "refused" });
      return false;
    } finally {
      await connections.close();
    }
  }

  /** Whether a connection is tried to a name that resolves to that address. */
  async function connects(
    address: string,
    reach: AddressClass | undefined,
    trusted: boolean,
  ): Promise<boolean> {
    let tried = false;
    const connections = new Connections({
      transport: {
        lookup: async () => [{ address, family: address.includes(":") ? 6 : 4 }],
        connect() {
          tried = true;
          const socket = new Socket();
          setImmediate(() => socket.destroy(new Error("as far as it goes")));
          return socket;
        },
      },
      settings: plainSettings({ trustHosts: trusted ? ["auth.example"] : [] }),
    });
    const scope = { registry: "registry.example", repository: "app", action: "pull" } as const;
    const prepared = await connections.prepare(
      new URL("http://auth.example/token"),
      reach === undefined ? scope : { ...scope, reach },
    );
    const error = await new Promise((failed) =>
      prepared.request({ method: "GET" }).on("error", failed).end(),
    );
    await connections.close();
    const refused = error instanceof LadingError && error.code === "refused";
    expect(refused).toBe(!tried);
    return tried;
  }
});
