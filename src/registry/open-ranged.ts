import type { OpenContent, OpenRange } from "../content/port.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { HttpResponse } from "./http/message.ts";

export interface RangedSource {
  send(headers: Readonly<Record<string, string>>): Promise<HttpResponse>;
  failed(response: HttpResponse): Promise<Error>;
}

/**
 * Opens a part of a blob by `Range` (RFC 9110 section 14). Only a 206 that starts where it was asked
 * to, does not go beyond, and belongs to a blob of the right size is that part. A 200 is the whole,
 * from zero; 416, or a 206 of something else, means asking again without a range.
 */
export async function openRanged(
  descriptor: Descriptor,
  range: OpenRange,
  source: RangedSource,
): Promise<OpenContent> {
  const { offset, length } = range;
  const last = length === undefined ? "" : offset + length - 1;
  const wanted = offset > 0 || (length !== undefined && length < descriptor.size);
  const response = await source.send(wanted ? { range: `bytes=${offset}-${last}` } : {});
  if (response.status === 200) return content(response, 0, !wanted);
  if (response.status === 206 && wanted && isWanted(response, descriptor, range)) {
    return content(response, offset, true);
  }
  if (response.status !== 206 && response.status !== 416) throw await source.failed(response);
  response.body.cancel();
  const whole = await source.send({});
  if (whole.status === 200) return content(whole, 0, false);
  throw await source.failed(whole);
}

function isWanted(response: HttpResponse, { size }: Descriptor, range: OpenRange): boolean {
  const header = response.headers["content-range"] ?? "";
  const [, first, last, total] =
    /^bytes ([0-9]+)-([0-9]+)\/([0-9]+|\*)$/i.exec(header.trim()) ?? [];
  const end = range.length === undefined ? size : range.offset + range.length;
  return (
    Number(first) === range.offset &&
    Number(last) < Math.min(end, size) &&
    (total === "*" || Number(total) === size)
  );
}

function content({ body }: HttpResponse, offset: number, ranged: boolean): OpenContent {
  return { offset, ranged, read: (sink) => body.read(sink), cancel: () => body.cancel() };
}
