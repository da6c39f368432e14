import { expect, it } from "vitest";
import type { HttpRequest, HttpResponse, Send } from "../../src/registry/http/message.ts";
import { listTags } from "../../src/registry/tags.ts";

const FIRST = "https://reg.example/v2/app/tags/list";

/** What is asked for when the first page has this `Link`, and each page after it the next of them. */
async function pages(...links: readonly string[]): Promise<string[]> {
  const asked: string[] = [];
  const send: Send = async ({ url }): Promise<HttpResponse> => {
    const link = links[asked.length];
    asked.push(`${url.pathname}${url.search}`);
    return {
      status: 200,
      headers: link === undefined ? {} : { link },
      url,
      asked: url,
      peer: "public",
      body: {
        bytes: async () => Buffer.from('{"tags":["1"]}'),
        read: async () => {},
        cancel() {},
        onEnd() {},
      },
    };
  };
  const request: HttpRequest = {
    method: "GET",
    url: new URL(FIRST),
    headers: {},
    scope: { registry: "reg.example", repository: "app", action: "pull" },
    operation: {},
  };
  const failed = (): never => {
    throw new Error("it answers 200");
  };
  for await (const tag of listTags(send, request, {}, failed)) expect(tag).toBe("1");
  return asked.slice(1);
}

it.each([
  ['</v2/app/tags/list?last=x>; rel="next"', "/v2/app/tags/list?last=x"],
  ["</next>;rel=next", "/next"],
  ['</next>; title="a, b"; rel="next"', "/next"],
  ['</first>; rel="first", </next?a,b>; REL = "Next" , </last>; rel="last"', "/next?a,b"],
  ['</first>; rel="first"', undefined],
  ['; rel="next"', undefined],
  ['<>; rel="next"', undefined],
])("the page after one with the Link %s is %s", async (link, next) => {
  expect(await pages(link)).toEqual(next === undefined ? [] : [next]);
});

it("a Link header of thousands of links takes no time to speak of", async () => {
  const links = Array.from({ length: 20 }, (_, page) =>
    [`${"<a>;".repeat(15_000)}`, `</next/${page}>; rel="next"`].join(","),
  );
  const before = process.cpuUsage();
  expect(await pages(...links)).toHaveLength(20);
  // It was half a second for each page.
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
});
