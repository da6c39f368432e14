import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

describe("an option of other tools", () => {
  it.each([
    ["pull --tls-verify=false a.lan/app", "hint: skip-verify or ca in lading.toml", "pull"],
    ["pull --src-tls-verify a.lan/app", "hint: skip-verify or ca in lading.toml", "pull"],
    ["inspect --insecure a.lan/app", "hint: skip-verify or ca in lading.toml", "inspect"],
    ["login --skip-tls-verify a.lan", "--plain-http for http", "login"],
    ["login -u me -p pa55 a.lan", "hint: --password-stdin", "login"],
    ["login -u me -ppa55 a.lan", "hint: --password-stdin", "login"],
    ["login -u me --password pa55 a.lan", "hint: --password-stdin", "login"],
    ["login -u me --password=pa55 a.lan", "hint: --password-stdin", "login"],
    ["pull --creds=me:pa55 a.lan/app", "hint: LADING_* variables or --authfile", "pull"],
    ["pull --cert-dir /certs a.lan/app", "hint: docker's certs.d, or ca", "pull"],
    ["logout --all", "hint: lading login --list", "logout"],
  ])("is answered with what lading has: %s", async (words, hint, command) => {
    const ran = await lading(words.split(" "), { home: await temporaryFolder() });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/^lading: unknown option '-[^=]*'/);
    expect(ran.stderr).toContain(hint);
    expect(ran.stderr).toContain(`see: lading ${command} --help`);
    expect(ran.stderr).not.toContain("pa55");
  });

  it("that nobody knows gets the help alone", async () => {
    const ran = await lading(["pull", "--frobnicate", "app"], { home: await temporaryFolder() });
    expect(ran.stderr).toMatch(/^hint: see: lading pull --help$/m);
  });
});
