import { describe, expect, it } from "vitest";
import { parseHostsToml } from "../../../src/registry/settings/toml/hosts-toml.ts";
import { parseLadingToml } from "../../../src/registry/settings/toml/lading-toml.ts";

const PATH = "/etc/lading/lading.toml";

function lading(text: string): string[] {
  return told(parseLadingToml(Buffer.from(text), PATH).problems.found);
}

function hosts(text: string): string[] {
  return told(parseHostsToml(Buffer.from(text), PATH).problems.found);
}

function told(found: ReturnType<typeof parseLadingToml>["problems"]["found"]): string[] {
  return found.map(
    ({ line, column, severity, message }) => `${line}:${column} ${severity} ${message}`,
  );
}

describe("what is wrong in lading.toml", () => {
  it.each([
    ["[defaults", "1:2 error incomplete key-value: cannot find end of key"],
    ["a = 1\na = 2", /^2:1 error .*redefine/],
    ["[defalts]", '1:2 error "defalts" is not known; did you mean "defaults"?'],
    [
      "[defaults]\nconcurency = 1",
      '2:1 error "concurency" is not known; did you mean "concurrency"?',
    ],
    ["[defaults]\nrequests_per_second = 1", /did you mean "requests-per-second"\?$/],
    ["[defaults]\nconcurrency = 0", '2:1 error "concurrency": it is 1 at least'],
    ["[defaults]\nconcurrency = 1.5", '2:1 error "concurrency": a whole number is needed here'],
    ['[defaults]\nproxy = "socks5://a"', /^2:1 error "proxy": .*socks5 is not supported/],
    ['[defaults]\ntimeouts = { connect = "5" }', /^2:14 error "connect": a time is needed here/],
    ['[defaults]\ntimeouts = { connect = "0s" }', /a time is needed here/],
    ["[defaults]\ntimeouts = 1979-05-27", /^2:1 error "timeouts": a table is needed here/],
    ["[defaults]\nca = [1]", '2:1 error "ca": a path or a list of paths is needed here'],
    ['[defaults]\nheaders = { a = "b" }', /^2:1 error "headers" is not known/],
    ['[registry."*"]', "1:11 error what holds for every registry stands in [defaults]"],
    ['[registry."https://a"]', /^1:11 error "https:\/\/a" is not a host/],
    ['[registry."a.lan"]\n[registry."A.lan"]', '2:11 error "A.lan" is there twice'],
    ['[registry.a]\nserver = "ftp://a"', '2:1 error "server": it is not https or http'],
    [
      '[registry.a]\nserver = "https://me:x@a"',
      /^2:1 error "server": a user and a password have no place here/,
    ],
    ['[registry.a]\nserver = "https://a"\nhttp = true', /^3:1 error "http" and the scheme/],
    [
      "[registry.a]\noverride-path = true",
      /^2:1 error "override-path" means nothing without "server"/,
    ],
    [
      '[registry.a]\npassword = "x"',
      /^2:1 error "password" has no place here: sign in with lading login/,
    ],
    [
      '[registry.a]\nheaders = { Authorization = "x" }',
      "2:13 error a file can't set the header authorization",
    ],
    ['[registry.a]\nheaders = { Host = "x" }', "2:13 error the header host is lading's own"],
    ['[registry.a]\nheaders = { "a b" = "x" }', /a header can't have this name/],
    ['[registry.a]\nheaders = { a = "x\\ny" }', /a header's value is one line of plain characters/],
    ['[registry.a]\nhelper = "../x"', /^2:1 error "helper": a helper's name/],
    ['[registry.a]\nhelper = ".."', /^2:1 error "helper"/],
    [
      '[registry.a]\ntrust-hosts = ["https://a"]',
      /^2:16 error "trust-hosts\[0\]": a host is needed here/,
    ],
    ["[[registry.a.mirror]]\ncapabilities = []", /error "url" is missing/],
    [
      '[[registry.a.mirror]]\nurl = "a"\ncapabilities = ["pul"]',
      /^3:17 error "capabilities\[0\]": one of "pull"/,
    ],
    ['[registry.a]\nclient = [{ key = "k" }]', /^2:11 error "cert" is missing/],
  ])("%s", (text, expected) => {
    const [first, ...more] = lading(text);
    expect(more).toEqual([]);
    if (typeof expected === "string") expect(first).toBe(expected);
    else expect(first).toMatch(expected);
  });

  it("is told all at once", () => {
    expect(lading("[defaults]\na = 1\n[registry.a]\nb = 1\nserver = 1\n")).toHaveLength(3);
  });
});

describe("a file of nothing but faults", () => {
  const many = Array.from({ length: 20_000 }, (_, at) => `k${at} = 1`).join("\n");
  const last = (severity: string) =>
    `undefined:undefined ${severity} there are more ${severity}s; these are the first 100`;

  it("is told the first hundred of them", () => {
    const found = lading(many);
    expect(found).toHaveLength(101);
    expect(found[99]).toMatch(/^100:1 error "k99" is not known/);
    expect(found[100]).toBe(last("error"));
  });

  it("is still wrong when its error comes after the hundredth warning", () => {
    const { problems } = parseHostsToml(Buffer.from(`${many}\nserver = 1\n`), PATH);
    const found = told(problems.found);
    expect(found.slice(100)).toEqual([
      last("warning"),
      '20001:1 error "server": a text is needed here, in quotes',
    ]);
    expect(() => problems.throwFirst()).toThrow("20001:1");
  });
});

describe("what is wrong in hosts.toml", () => {
  it.each([
    ['server = "ftp://a"', '1:1 error "server": it is not https or http'],
    ["server = 1", /^1:1 error "server": a text is needed here/],
    [
      'capabilities = ["pull", "resolve", "dance"]',
      /^1:36 error "capabilities\[2\]": known are pull, resolve, push/,
    ],
    [
      '[host."https://a"]\nskip_verify = "yes"',
      '2:1 error "skip_verify": true or false is needed here',
    ],
    ['[host."https://a"]\nclient = [["a"]]', /^2:11 error "client\[0\]": a path or a pair/],
    ['[host."https://a"]\nclient = [["a", "b", "c"]]', /a path or a pair/],
    ['[host."https://a".header]\nAuthorization = "x"', /can't set the header authorization/],
    ['[host."https://a".header]\nte = "x"', /the header te is lading's own/],
    ['[host."https://a"]\ndial_timeout = "5"', /^2:1 error "dial_timeout": a time is needed here/],
    ['proxy = "socks5://a"', /^1:1 error "proxy": .*socks5 is not supported/],
    ["host = 1", /^1:1 error "host": a table is needed here/],
    ['[host]\n"https://a" = 1', /^2:1 error "https:\/\/a": a table is needed here/],
    // No faults for containerd either: they have no effect, here and there.
    ["rewrite = 1", /^1:1 warning "rewrite" is not known, and has no effect$/],
    [
      '[host."https://a"]\nskip-verify = true',
      /^2:1 warning "skip-verify" is not known.*did you mean "skip_verify"\?/,
    ],
    ['capabilities = ["pull"]', /^1:1 warning the server itself is always asked/],
  ])("%s", (text, expected) => {
    const [first, ...more] = hosts(text);
    expect(more).toEqual([]);
    if (typeof expected === "string") expect(first).toBe(expected);
    else expect(first).toMatch(expected);
  });
});
