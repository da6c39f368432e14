import type { MemberInflater } from "./gzip-members.ts";
import type { Sink } from "./stage.ts";
import { zlibMember } from "./zlib-member.ts";

export async function loadGzip(_options: {
  readonly native?: boolean | undefined;
}): Promise<(sink: Sink) => MemberInflater> {
  return zlibMember;
}
