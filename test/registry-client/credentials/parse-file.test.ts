import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../../src/errors.ts";
import { parseAuthFile } from "../../../src/registry/auth/sources/parse-file.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const parse = (content: unknown) =>
  parseAuthFile(
    Buffer.from(typeof content === "string" ? content : JSON.stringify(content)),
    "file",
  );

describe("a credential file", () => {
  it.each([
    [{ auth: base64("me:pass:word") }, { kind: "basic", username: "me", password: "pass:word" }],
    [
      { username: "me", password: "ü" },
      { kind: "basic", username: "me", password: "ü" },
    ],
    [
      { auth: base64("0000:"), identitytoken: "refresh" },
      { kind: "identity", token: "refresh" },
    ],
    [
      { auth: "", identitytoken: "refresh" },
      { kind: "identity", token: "refresh" },
    ],
    // docker lets `auth` win for both, and Kubernetes takes it without padding.
    [
      { username: "old", password: "old", auth: base64("new:new") },
      { kind: "basic", username: "new", password: "new" },
    ],
    [
      { username: "alice", auth: base64("bob:pw") },
      { kind: "basic", username: "bob", password: "pw" },
    ],
    [
      { auth: base64("bob:pw1").replace(/=+$/, "") },
      { kind: "basic", username: "bob", password: "pw1" },
    ],
    [{ registrytoken: "bearer" }, { kind: "token", token: "bearer" }],
    [{}, undefined],
    [{ auth: "" }, undefined],
    [{ email: "me@example" }, undefined],
  ])("has %j as %j", (entry, credential) => {
    expect(parse({ auths: { "a.example": entry } }).auths.get("a.example")).toEqual(credential);
  });

  it("names helpers", () => {
    const { credHelpers, credsStore } = parse({
      credHelpers: { "a.example": "pass", "b.example": "" },
      credsStore: "desktop",
    });
    expect([...credHelpers]).toEqual([
      ["a.example", "pass"],
      ["b.example", ""],
    ]);
    expect(credsStore).toBe("desktop");
    expect(parse({ credsStore: "", credHelpers: null, auths: null }).credsStore).toBeUndefined();
  });

  it.each([
    '{"auths":{"a":{"auth":"c2VjcmV0OnNlY3JldA=="}}',
    '{"auths":{"a":{"auth":{"c2VjcmV0":1}}}}',
    '{"auths":{"a":"c2VjcmV0"}}',
    '{"auths":["c2VjcmV0"]}',
    '{"credHelpers":{"a":["c2VjcmV0"]}}',
    '{"auths":{"a":{"identitytoken":"c2VjcmV0\\r\\nx-evil: 1"}}}',
    "c2VjcmV0",
  ])("that can't be read is an error that repeats nothing of it: %s", (text) => {
    const error = failure(() => parse(text));
    expect(error).toBeInstanceOf(LadingError);
    expect(error).toMatchObject({ code: "usage", hint: expect.any(String) });
    const shown = JSON.stringify(error) + String(error) + String((error as Error).cause);
    expect(shown).not.toContain("c2VjcmV0");
  });

  it.each(["c2VjcmV0", "c2VjcmV0%", "OnNlY3JldA==", "   "])(
    "with an auth that is no account is an error that names its entry: %s",
    (auth) => {
      const error = failure(() => parse({ auths: { "a.example": { username: "me", auth } } }));
      expect(error).toMatchObject({
        code: "usage",
        message: expect.stringContaining('"auth" of "a.example" is not base64 of user:password'),
      });
      expect(JSON.stringify(error)).not.toContain(auth);
    },
  );

  it("of any bytes is read, or a LadingError", () => {
    const json = fc.json().map((text) => Buffer.from(`{"auths":${text},"credHelpers":${text}}`));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), json), (bytes) => {
        const error = failure(() => parseAuthFile(bytes, "file"));
        expect(error === undefined || error instanceof LadingError).toBe(true);
      }),
    );
  });
});

function failure(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
