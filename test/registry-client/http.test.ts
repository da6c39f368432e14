import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classify, mayReach } from "../../src/registry/http/address.ts";
import { printable, redactText, redactUrl } from "../../src/registry/http/redact.ts";
import { retryAfterMs } from "../../src/registry/http/retry.ts";

describe("an address", () => {
  it.each([
    ["8.8.8.8", "public"],
    ["198.18.0.1", "public"],
    ["198.19.255.255", "public"],
    ["2606:4700::1111", "public"],
    ["64:ff9b::808:808", "public"],
    ["10.0.0.1", "private"],
    ["172.16.0.1", "private"],
    ["172.32.0.1", "public"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "private"],
    ["fd12::1", "private"],
    ["64:ff9b::a00:1", "private"],
    ["::ffff:192.168.0.1", "private"],
    ["::ffff:c0a8:1", "private"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.255", "loopback"],
    ["::1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["0:0:0:0:0:ffff:7f00:1", "loopback"],
    ["0.0.0.0", "refused"],
    ["::", "refused"],
    ["169.254.169.254", "refused"],
    ["::ffff:169.254.169.254", "refused"],
    ["64:ff9b::a9fe:a9fe", "refused"],
    ["fe80::1", "refused"],
    ["fe80::1%eth0", "refused"],
    ["fd00:ec2::254", "refused"],
    ["100.100.100.200", "refused"],
    ["224.0.0.1", "refused"],
    ["255.255.255.255", "refused"],
    ["not an address", "refused"],
  ] as const)("%s is %s", (address, expected) => {
    expect(classify(address)).toBe(expected);
  });

  it("leads only to what is as public as itself or more so; what is unknown leads to the public only", () => {
    const classes = ["public", "private", "loopback", "refused"] as const;
    const table = Object.fromEntries(
      classes.map((from) => [from, classes.filter((target) => mayReach(from, target))]),
    );
    expect(table).toEqual({
      public: ["public"],
      private: ["public", "private"],
      loopback: ["public", "private", "loopback"],
      refused: ["public"],
    });
  });

  it("in IPv6 that embeds an IPv4 address is what that is", () => {
    fc.assert(
      fc.property(fc.ipV4(), (ipv4) => {
        expect(classify(`::ffff:${ipv4}`)).toBe(classify(ipv4));
        expect(classify(`64:ff9b::${ipv4}`)).toBe(classify(ipv4));
      }),
    );
  });
});

describe("what is shown", () => {
  it("of a URL has no user and no value of its query", () => {
    const url = new URL("https://user:pw@cdn.example/blob?X-Amz-Signature=abc&n=1#frag");
    expect(redactUrl(url)).toBe("https://cdn.example/blob?X-Amz-Signature=…&n=…");
  });

  it("of a text has no tokens, however they are written", () => {
    const text =
      'Authorization: Bearer abc.def "access_token":"s3cret" {\\"token\\":\\"s3cret\\"} password=s3cret https://x/?sig=s3cret';
    const shown = redactText(text);
    expect(shown).not.toMatch(/s3cret|abc\.def/);
  });

  it("of the other side is one short line without control characters", () => {
    expect(printable("a\u001b[31mred\nb\u202ec")).toBe("a [31mred b c");
    expect(printable("x".repeat(1000))).toHaveLength(301);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  it.each([
    ["5", 5000],
    ["0.5", 500],
    ["Thu, 01 Jan 2026 00:00:10 GMT", 10_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["999999", 60_000],
    ["880µs", undefined],
    ["soon", undefined],
  ])("of %s is %s ms", (value, expected) => {
    const ms = retryAfterMs({ headers: { "retry-after": value } }, now);
    expect(ms).toBe(expected);
  });
});
