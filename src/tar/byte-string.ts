/**
 * Bytes as a string of one character a byte. Names in a tar are bytes that need not be text: two that
 * differ must differ here too, and one must come back as it was. Most are ASCII, and then this is the
 * text itself.
 */
export type ByteString = string & { readonly __brand: "ByteString" };

export function byteString(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1") as ByteString;
}

export function byteStringOf(text: string): ByteString {
  return isAscii(text) ? (text as ByteString) : byteString(Buffer.from(text));
}

/** For the system: the text where the bytes are ASCII, else the bytes. */
export function pathOf(name: ByteString): string | Buffer {
  return isAscii(name) ? name : Buffer.from(name, "latin1");
}

/** For people: as UTF-8, with a replacement character where the bytes are none. */
export function textOf(name: ByteString): string {
  return isAscii(name) ? name : Buffer.from(name, "latin1").toString();
}

export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
