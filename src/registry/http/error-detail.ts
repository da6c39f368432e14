import * as v from "valibot";
import { parseJson } from "../../oci/json.ts";
import { metadataLimits } from "../../oci/limits.ts";
import type { HttpResponse } from "./message.ts";
import { printable, redactText } from "./redact.ts";

const errorsSchema = v.object({
  errors: v.array(v.object({ code: v.optional(v.string()), message: v.optional(v.string()) })),
});
const detailsSchema = v.object({ details: v.string() });
/** RFC 6749 section 5.2: what a token server says by OAuth2. */
const oauthSchema = v.object({ error: v.string(), error_description: v.optional(v.string()) });

/**
 * What the other side says about its refusal, as `: CODE message`, or nothing. The body may be
 * anything (distribution-spec, "Error Codes"): it is capped, and what is shown is one clean line.
 */
export async function errorDetail(response: HttpResponse): Promise<string> {
  const bytes = await response.body.bytes(metadataLimits.error).catch(() => undefined);
  response.body.cancel();
  if (bytes === undefined) return "";
  try {
    const json = parseJson(bytes, { what: "error", maxBytes: metadataLimits.error });
    if (v.is(detailsSchema, json)) return `: ${clean(json.details)}`;
    if (v.is(oauthSchema, json)) {
      return `: ${clean([json.error, json.error_description].filter(Boolean).join(" "))}`;
    }
    const [first] = v.parse(errorsSchema, json).errors;
    const text = [first?.code, first?.message].filter(Boolean).join(" ");
    return text === "" ? "" : `: ${clean(text)}`;
  } catch {
    return "";
  }
}

function clean(text: string): string {
  return printable(redactText(text));
}
