import { describe, expect, it } from "vitest";
import { LadingError } from "../../../src/errors.ts";
import { resolveUser } from "../../../src/rootfs/bundle/user.ts";
import { files } from "./image.ts";

const passwd = `#old:x:0:0::/old:/bin/sh
root:x:0:0:root:/root:/bin/sh
daemon:x:1:2::/usr/sbin:/usr/sbin/nologin
app:x:1000:1001:An app:/home/app:/bin/sh
app:x:0:0:a second one of that name:/elsewhere:/bin/sh
1000:x:7:7::/named-by-a-number:/bin/sh
homeless:x:1002:1002:::
wild:x:1003:1003::relative/home:
`;
const group = `root:x:0:
staff:x:50:app,daemon
wheel:x:10:root, app
again:x:50:app
`;
const image = files({ "/etc/passwd": passwd, "/etc/group": group });

describe("resolveUser", () => {
  it.each([
    ["", { uid: 0, gid: 0, additionalGids: [10], home: "/root" }],
    ["0", { uid: 0, gid: 0, additionalGids: [], home: "/root" }],
    ["app", { uid: 1000, gid: 1001, additionalGids: [50, 10], home: "/home/app" }],
    ["app:", { uid: 1000, gid: 1001, additionalGids: [50, 10], home: "/home/app" }],
    ["1000", { uid: 1000, gid: 1001, additionalGids: [], home: "/home/app" }],
    ["4242", { uid: 4242, gid: 0, additionalGids: [], home: "/" }],
    ["1000:7", { uid: 1000, gid: 7, additionalGids: [], home: "/home/app" }],
    ["app:staff", { uid: 1000, gid: 50, additionalGids: [], home: "/home/app" }],
    ["4242:staff", { uid: 4242, gid: 50, additionalGids: [], home: "/" }],
    ["app:4243", { uid: 1000, gid: 4243, additionalGids: [], home: "/home/app" }],
    [":staff", { uid: 0, gid: 50, additionalGids: [], home: "/root" }],
    ["homeless", { uid: 1002, gid: 1002, additionalGids: [], home: "/" }],
    ["wild", { uid: 1003, gid: 1003, additionalGids: [], home: "/" }],
    ["2147483648", { uid: 2147483648, gid: 0, additionalGids: [], home: "/" }],
    ["4294967294:4294967294", { uid: 4294967294, gid: 4294967294, additionalGids: [], home: "/" }],
    ["007", { uid: 7, gid: 7, additionalGids: [], home: "/named-by-a-number" }],
  ])("%j", (text, expected) => {
    expect(resolveUser(image, text)).toEqual(expected);
  });

  it("needs no files for numbers, and says root where none is named", () => {
    expect(resolveUser(files({}), "5:6")).toMatchObject({ uid: 5, gid: 6, home: "/" });
    expect(resolveUser(files({}), "")).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/" });
  });

  it.each([
    "nobody-here",
    "app:no-such-group",
    "app:x:y",
    "a\0pp",
    "../../etc",
    "root:-",
    " 0",
    "#old",
  ])("refuses %j, which the image does not know", (text) => {
    expect(caught(() => resolveUser(image, text))).toMatchObject({ code: "malformed" });
  });

  it.each([
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "-1",
    "+1",
    "-0",
    "0:4294967296",
    "app:-5",
    `1${"0".repeat(400)}`,
  ])("CVE-2024-40635: refuses the id in %j, and never wraps it to root", (text) => {
    const error = caught(() => resolveUser(image, text));
    expect(error).toMatchObject({ code: "malformed" });
    expect(error.message).toContain("0–4294967294");
  });

  it.each(["4294967296", "-1", "x", "", "0x0", "1e3", " "])(
    "skips a line of passwd whose uid is %j, instead of reading it as root",
    (uid) => {
      const read = files({ "/etc/passwd": `app:x:${uid}:0::/:\nnext:x:9:9::/:\n` });
      expect(caught(() => resolveUser(read, "app"))).toMatchObject({ code: "malformed" });
      expect(resolveUser(read, "next").uid).toBe(9);
    },
  );

  it("skips rubbish: NIS lines, endless lines, NULs, bytes that are no text", () => {
    const rubbish = `+::::::\n\xff\xfe\n:x:0:0::/:\napp:x:0:0:${"g".repeat(70_000)}:/:\nb\0\n\napp`;
    const read = files({ "/etc/passwd": `${rubbish}\r\napp:x:12:12::/app:/bin/sh\r\n` });
    expect(resolveUser(read, "app")).toMatchObject({ uid: 12, home: "/app" });
    const nul = files({ "/etc/passwd": "app:x:1:1::/a\0b:\n  app:x:13:13::/trimmed\r\n" });
    expect(resolveUser(nul, "app")).toMatchObject({ uid: 13, home: "/trimmed" });
  });

  it("reads the two files of the image and no other, and says how much of them", () => {
    const limits: number[] = [];
    const asked = new Set<string>();
    resolveUser((path, limit) => {
      asked.add(path);
      limits.push(limit);
      return undefined;
    }, "0");
    const read = files({ "/etc/passwd": passwd, "/etc/group": group });
    resolveUser(read, "app:staff");
    expect([...asked, ...read.asked].sort()).toEqual(["/etc/group", "/etc/passwd", "/etc/passwd"]);
    expect(limits).toEqual([1024 * 1024]);
  });

  it("refuses a huge passwd, unless the user is two numbers", () => {
    const read = files({ "/etc/passwd": `app:x:1:1::/:\n${"#\n".repeat(600_000)}` });
    for (const text of ["app", "1"]) {
      expect(caught(() => resolveUser(read, text))).toMatchObject({ code: "limit-exceeded" });
    }
    expect(resolveUser(read, "1:1")).toMatchObject({ uid: 1, gid: 1 });
  });

  it("refuses more groups than Linux knows", () => {
    const lines = Array.from({ length: 65537 }, (_, gid) => `g::${gid}:a`).join("\n");
    const read = files({ "/etc/passwd": "a:x:1:1::/:", "/etc/group": lines });
    expect(caught(() => resolveUser(read, "a"))).toMatchObject({ code: "limit-exceeded" });
  });
});

function caught(act: () => unknown): LadingError {
  try {
    act();
  } catch (error) {
    if (error instanceof LadingError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
