import { describe, expect, it } from "vitest";
import { foldedName } from "../../../src/layer/apply/folded-names.ts";
import { type ByteString, byteStringOf } from "../../../src/tar/byte-string.ts";

const both = (one: string, other: string, folding: "spelling" | "case"): boolean =>
  foldedName(byteStringOf(one), folding) === foldedName(byteStringOf(other), folding);

describe("names that some file system takes for one", () => {
  // Unicode's CaseFolding.txt, statuses C, F and S, and D145 of the standard; CVE-2014-9390.
  it.each([
    ["case", "README", "readme"],
    ["case beyond ASCII", "ÉTÉ", "été"],
    ["spelling", "\u00e9", "e\u0301"],
    ["spelling and case", "\u00c9", "e\u0301"],
    ["sharp s", "straße", "STRASSE"],
    ["capital sharp s", "STRAẞE", "strasse"],
    ["capital sharp s and small", "ẞ", "ß"],
    ["final sigma", "ΟΔΟΣ", "οδοσ"],
    ["final sigma, as it is written", "οδος", "οδοσ"],
    ["ligature", "ﬁle", "FILE"],
    ["long s", "ſet", "SET"],
    ["Kelvin", "\u212a", "k"],
    ["micro", "\u00b5", "\u03bc"],
    ["theta", "\u03f4", "\u03b8"],
    ["Turkish capital I with dot", "\u0130", "i\u0307"],
    ["Turkish small i without", "\u0131", "I"],
    ["iota below", "\u1fb3", "ΑΙ"],
    ["Cherokee", "\u13a0", "\uab70"],
    ["marks in another order", "a\u0323\u0307", "a\u0307\u0323"],
    ["what shows nothing", ".git", ".g\u200cit"],
  ])("%s", (_, one, other) => {
    expect(both(one, other, "case")).toBe(true);
    expect(both(`a/${one}`, `A/${other}`, "case")).toBe(true);
  });
});

it("names that every file system tells apart are two", () => {
  for (const [one, other] of [
    ["a", "b"],
    ["e", "é"],
    ["ß", "s"],
    ["x2", "x²"],
    ["a-b", "a_b"],
  ] as const) {
    expect(both(one, other, "case"), `${one} and ${other}`).toBe(false);
  }
});

it("where only spellings are folded, case is not", () => {
  expect(both("\u00e9", "e\u0301", "spelling")).toBe(true);
  expect(both("README", "readme", "spelling")).toBe(false);
  expect(both("ß", "ss", "spelling")).toBe(false);
});

it("names that are no text are not taken for each other", () => {
  const [one, other] = ["a\xfe", "a\xff"] as [ByteString, ByteString];
  for (const folding of ["spelling", "case"] as const) {
    expect(foldedName(one, folding)).not.toBe(foldedName(other, folding));
  }
  expect(foldedName("A\xff" as ByteString, "case")).toBe(foldedName("a\xff" as ByteString, "case"));
});
