import { describe, expect, it } from "vitest";
import { asLadingError, renderError } from "../../src/cli/errors.ts";
import { LadingError } from "../../src/errors.ts";

describe("an error for people", () => {
  it("says what could not be done, why, what it was about, and what to do", () => {
    const error = new LadingError("not-found", "there is no tag 3.99", {
      reference: "docker.io/library/alpine:3.99",
      url: "https://registry-1.docker.io/v2/",
      hint: "see: lading tags alpine",
    });
    expect(renderError(error, { doing: "pull alpine:3.99", verbose: false })).toBe(
      [
        "lading: could not pull alpine:3.99: there is no tag 3.99",
        "  reference: docker.io/library/alpine:3.99",
        "  url: https://registry-1.docker.io/v2/",
        "hint: see: lading tags alpine",
        "",
      ].join("\n"),
    );
  });

  it("keeps secrets and stacks of causes to itself, also when verbose", () => {
    const inner = new Error(
      "GET https://blobs.example/x?X-Amz-Signature=s3cr3t with Bearer abc.def",
    );
    const error = new LadingError("network", "the connection was reset", { cause: inner });
    expect(renderError(error, { verbose: false })).toBe("lading: the connection was reset\n");
    const verbose = renderError(error, { verbose: true });
    expect(verbose).toContain("caused by: Error: GET https://blobs.example/x?X-Amz-Signature=…");
    expect(verbose).not.toMatch(/s3cr3t|abc\.def/);
    expect(verbose).toMatch(/\n\s+at /);
  });

  it("can't act on the terminal", () => {
    const error = new LadingError("registry-unavailable", "it said \u001b[2J\u0007");
    expect(renderError(error, { verbose: false })).toBe("lading: it said \\u001b[2J\\u0007\n");
  });

  it("calls what is not ours a fault of lading, and asks for a report", () => {
    const error = asLadingError(new TypeError("x is not a function"));
    expect(error).toMatchObject({ code: "internal", message: "x is not a function" });
    expect(error.hint).toContain("report");
    expect(asLadingError("thrown")).toMatchObject({ code: "internal", message: "thrown" });
  });

  it("follows causes only so far", () => {
    const loop = new Error("a circle");
    loop.cause = loop;
    const error = new LadingError("internal", "failed", { cause: loop });
    expect(renderError(error, { verbose: true }).match(/caused by/g)).toHaveLength(8);
  });
});
