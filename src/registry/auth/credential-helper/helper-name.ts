import { LadingError } from "../../../errors.ts";

/** `pass`, `ecr-login`: checked, safe as the end of a program's name. Made only by the parser. */
export type HelperName = string & { readonly __brand: "HelperName" };

/** A file that somebody else wrote must not choose which program runs (ocync #35). */
export function parseHelperName(text: string): HelperName {
  if (/^[a-z0-9._-]{1,64}$/.test(text) && !/^\.+$/.test(text)) return text as HelperName;
  throw new LadingError(
    "refused",
    `${JSON.stringify(text.slice(0, 80))} is no name of a credential helper`,
    {
      hint: "a name has lower-case letters, digits, dots, dashes and underscores: pass, ecr-login",
    },
  );
}

export function programOf(name: HelperName): string {
  return `docker-credential-${name}`;
}
