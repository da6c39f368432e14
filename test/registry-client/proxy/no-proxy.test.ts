import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { proxyEnvironment } from "../../../src/registry/proxy/environment.ts";
import { parseNoProxy } from "../../../src/registry/proxy/no-proxy.ts";
import { routeFor } from "../../../src/registry/proxy/route.ts";
import { parseProxyUrl } from "../../../src/registry/settings/proxy-url.ts";

describe("NO_PROXY", () => {
  it.each([
    ["", "https://a.example/", false],
    [" , ,", "https://a.example/", false],
    ["*", "https://a.example/", true],
    ["a.example,*", "https://10.0.0.1/", true],
    // A name: itself and what is below it.
    ["a.example", "https://a.example/", true],
    ["a.example", "https://A.EXAMPLE/", true],
    ["A.Example", "https://a.example/", true],
    ["a.example", "https://b.a.example/", true],
    ["a.example", "https://c.b.a.example/", true],
    ["a.example", "https://ba.example/", false],
    ["a.example", "https://a.example.org/", false],
    ["a.example", "https://a.example./", true],
    ["a.example.", "https://a.example/", true],
    ["example", "https://a.example/", true],
    ["bücher.example", "https://xn--bcher-kva.example/", true],
    // With a dot or a star: only what is below.
    [".a.example", "https://a.example/", false],
    [".a.example", "https://b.a.example/", true],
    ["*.a.example", "https://a.example/", false],
    ["*.a.example", "https://b.a.example/", true],
    ["*a.example", "https://ba.example/", false],
    // Ports.
    ["a.example:5000", "https://a.example:5000/", true],
    ["a.example:5000", "https://a.example/", false],
    ["a.example:443", "https://a.example/", true],
    ["a.example:443", "http://a.example/", false],
    ["a.example:80", "http://a.example/", true],
    ["a.example", "https://a.example:5000/", true],
    [".a.example:5000", "https://b.a.example:5000/", true],
    [".a.example:5000", "https://b.a.example/", false],
    // Addresses, in any of their forms.
    ["10.1.2.3", "https://10.1.2.3/", true],
    ["10.1.2.3", "https://10.1.2.4/", false],
    ["10.1.2.3:5000", "https://10.1.2.3:5000/", true],
    ["10.1.2.3:5000", "https://10.1.2.3/", false],
    ["10.1.2.3", "https://167838211/", true],
    ["10.1.2.3", "https://[::ffff:10.1.2.3]/", true],
    ["2001:db8::1", "https://[2001:db8:0:0::1]/", true],
    ["[2001:db8::1]", "https://[2001:db8::1]/", true],
    ["[2001:db8::1]:5000", "https://[2001:db8::1]:5000/", true],
    ["[2001:db8::1]:5000", "https://[2001:db8::1]/", false],
    // Networks, for addresses only.
    ["10.0.0.0/8", "https://10.200.0.1/", true],
    ["10.0.0.0/8", "https://11.0.0.1/", false],
    ["10.0.0.0/8", "https://inside.example/", false],
    ["2001:db8::/32", "https://[2001:db8:9::1]/", true],
    ["2001:db8::/32", "https://[2001:db9::1]/", false],
    ["10.0.0.0/33", "https://10.0.0.1/", false],
    ["0.0.0.0/0", "https://8.8.8.8/", true],
    // Several, with commas or spaces.
    ["b.example, a.example", "https://a.example/", true],
    ["b.example a.example", "https://a.example/", true],
  ])("%j lets %s pass: %j", (text, url, expected) => {
    expect(parseNoProxy(text)(new URL(url))).toBe(expected);
  });

  it("of names agrees with a simple reading of the rule", () => {
    const label = fc.constantFrom("a", "b", "c");
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    const port = fc.constantFrom("", ":443", ":5000");
    fc.assert(
      fc.property(
        name,
        fc.constantFrom("", ".", "*."),
        port,
        name,
        port,
        (entry, dot, p, host, q) => {
          const url = new URL(`https://${host}${q}/`);
          const ports = p === "" || p === (q || ":443");
          const names = host.endsWith(`.${entry}`) || (dot === "" && host === entry);
          expect(parseNoProxy(`${dot}${entry}${p}`)(url)).toBe(ports && names);
        },
      ),
    );
  });

  it("never breaks, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(typeof parseNoProxy(text)(new URL("https://a.example/"))).toBe("boolean");
      }),
    );
  });
});

describe("the proxy of the environment", () => {
  const from = (environment: Record<string, string>, url: string): string | undefined => {
    const found = proxyEnvironment(environment)(new URL(url));
    return found && `${found.from} ${found.proxy.origin}`;
  };

  it.each([
    [{ HTTPS_PROXY: "http://p:1" }, "https://a.example/", "HTTPS_PROXY http://p:1"],
    [{ HTTPS_PROXY: "http://p:1" }, "http://a.example/", undefined],
    [{ HTTP_PROXY: "http://p:1" }, "http://a.example/", "HTTP_PROXY http://p:1"],
    [{ HTTP_PROXY: "http://p:1" }, "https://a.example/", undefined],
    [{ https_proxy: "p:1" }, "https://a.example/", "https_proxy http://p:1"],
    [
      { HTTPS_PROXY: "http://p:1", https_proxy: "q:2" },
      "https://a.example/",
      "HTTPS_PROXY http://p:1",
    ],
    [{ HTTPS_PROXY: "", https_proxy: "q:2" }, "https://a.example/", "https_proxy http://q:2"],
    [{ HTTPS_PROXY: "https://p" }, "https://a.example/", "HTTPS_PROXY https://p"],
    [{ ALL_PROXY: "http://p:1" }, "https://a.example/", undefined],
    [{ HTTPS_PROXY: "p:1", no_proxy: "a.example" }, "https://a.example/", undefined],
    [{ HTTPS_PROXY: "p:1" }, "https://localhost:5000/", undefined],
    [{ HTTPS_PROXY: "p:1" }, "https://r.localhost/", undefined],
    [{ HTTPS_PROXY: "p:1" }, "https://127.1.2.3/", undefined],
    [{ HTTPS_PROXY: "p:1" }, "https://[::1]:5000/", undefined],
    // In a CGI program the caller's header `Proxy` becomes HTTP_PROXY: https://httpoxy.org
    [{ HTTP_PROXY: "http://evil:1", REQUEST_METHOD: "GET" }, "http://a.example/", undefined],
    [{ http_proxy: "p:1", REQUEST_METHOD: "GET" }, "http://a.example/", "http_proxy http://p:1"],
  ])("%j is, for %s, %j", (environment, url, expected) => {
    expect(from(environment as Record<string, string>, url)).toBe(expected);
  });

  it.each([
    ["socks5://user:hunter2@p:1", "unsupported"],
    ["ftp://user:hunter2@p", "usage"],
    ["http://user:hunter2@p:1/path", "usage"],
    ["http://user:hunter2@", "usage"],
  ])("that can't be used is an error that names the variable and hides %j", (value, code) => {
    const ask = (): unknown => from({ HTTPS_PROXY: value }, "https://a.example/");
    expect(ask).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(/^HTTPS_PROXY: /) }),
    );
    expect(ask).not.toThrow(/hunter2/);
  });

  it("gives way to what the settings say of a host, NO_PROXY as well", () => {
    const environment = proxyEnvironment({ HTTPS_PROXY: "http://p:1", NO_PROXY: "b.example" });
    const proxy = parseProxyUrl("http://own:2");
    const ask = (url: string, own: typeof proxy | "none" | undefined) => {
      const route = routeFor(new URL(url), { proxy: own }, environment);
      return route.via === "proxy" ? route.proxy.host : route.via;
    };
    expect(ask("https://a.example/", undefined)).toBe("p:1");
    expect(ask("https://b.example/", undefined)).toBe("direct");
    expect(ask("https://a.example/", "none")).toBe("direct");
    expect(ask("https://b.example/", proxy)).toBe("own:2");
  });
});
