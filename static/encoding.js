// How a bundle is packed, by its first bytes: a file's name may say anything.  Pure.

const SIGNATURES = { gzip: [0x1f, 0x8b], zstd: [0x28, 0xb5, 0x2f, 0xfd] };

/** Name the Content-Encoding of a file that begins with these bytes; null for plain. */
export function encodingOf(bytes) {
  for (const [encoding, signature] of Object.entries(SIGNATURES)) {
    if (signature.every((byte, i) => bytes[i] === byte)) return encoding;
  }
  return null;
}
