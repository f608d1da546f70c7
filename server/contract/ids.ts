// The one thing of the platform that the contract needs; it is the same in browsers and Bun, and needs no secure context.
declare const crypto: { getRandomValues(bytes: Uint8Array): Uint8Array }

/**
 * A new UUID of version 7 (RFC 9562 §5.7): 48 bits of Unix time in milliseconds, 74 random bits.
 * Whoever creates a thing makes its id, so that sending it twice creates it once.
 */
export function newId(nowMs: number = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  let rest = nowMs
  for (let index = 5; index >= 0; index--) {
    bytes[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** True for any UUID in its canonical lower-case form. */
export function isId(value: string): boolean {
  return UUID.test(value)
}
