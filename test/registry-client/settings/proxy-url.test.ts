import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../../src/errors.ts";
import { parseProxyUrl, showProxy } from "../../../src/registry/settings/proxy-url.ts";

describe("the address of a proxy", () => {
  it.each([
    ["http://proxy.lan:3128", "http://proxy.lan:3128/"],
    ["https://proxy.lan/", "https://proxy.lan/"],
    ["proxy.lan:3128", "http://proxy.lan:3128/"],
    ["proxy.lan", "http://proxy.lan/"],
    [" 10.0.0.1:3128 ", "http://10.0.0.1:3128/"],
    ["http://[::1]:3128", "http://[::1]:3128/"],
    ["http://me:p%40ss@proxy.lan", "http://me:p%40ss@proxy.lan/"],
  ])("%s is %s", (text, url) => {
    expect(parseProxyUrl(text).href).toBe(url);
  });

  it.each([
    ["", "usage"],
    ["http://", "usage"],
    ["ftp://proxy.lan", "usage"],
    ["http://proxy.lan/path", "usage"],
    ["http://proxy.lan/?a=b", "usage"],
    ["http://proxy.lan:99999", "usage"],
    ["socks5://proxy.lan:1080", "unsupported"],
    ["socks5h://proxy.lan:1080", "unsupported"],
  ])("%s is an error: %s", (text, code) => {
    expect(() => parseProxyUrl(text)).toThrow(expect.objectContaining({ code }));
  });

  it("never shows its password, neither in an error nor when it is shown", () => {
    const around = fc.constantFrom(
      "http://me:SECRET@",
      "me:SECRET@",
      "socks5://me:SECRET@",
      "ftp://a:SECRET@",
    );
    fc.assert(
      fc.property(around, fc.string(), (before, after) => {
        try {
          expect(showProxy(parseProxyUrl(`${before}${after}`))).not.toContain("SECRET");
        } catch (error) {
          expect(error).toBeInstanceOf(LadingError);
          if (!(error instanceof LadingError)) return;
          expect(
            JSON.stringify([error.message, error.toJSON(), String(error.cause)]),
          ).not.toContain("SECRET");
        }
      }),
    );
  });
});
