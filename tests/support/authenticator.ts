import type { NewPasskey, PasskeyOffer } from '#contract'

/** What the device signs with. */
export type KeyKind = 'ES256' | 'EdDSA' | 'RS256'

/** A passkey as the device keeps it. `uses`: how often it was used, as the device counts. */
export type DevicePasskey = {
  readonly id: string
  readonly host: string
  readonly userHandle: string
  readonly keys: CryptoKeyPair
  readonly kind: KeyKind
  uses: number
}

/** What is asked at the door. */
export type Question = { readonly challenge: string; readonly rpId: string }
export type Signed = Record<'id' | 'clientDataJSON' | 'authenticatorData' | 'signature' | 'userHandle', string>

type Attestation = { readonly format: string; readonly statement: CborMap }

/** Where the answer differs from an honest one. */
export type Twist = {
  readonly challenge?: string
  readonly origin?: string
  readonly host?: string
  readonly type?: string
  readonly present?: boolean
  readonly verified?: boolean
  readonly uses?: number
  readonly id?: string
  readonly userHandle?: string
  /** Signs with another key. */
  readonly keys?: CryptoKeyPair
  /** The algorithm that the key is said to be for. */
  readonly algorithm?: number
  readonly kind?: KeyKind
  /** `certified`: what a security key of the first kind (FIDO U2F) says of itself, in order and with a certificate. */
  readonly attestation?: Attestation | 'certified'
}

const PRESENT = 0x01
const VERIFIED = 0x04
const HAS_KEY = 0x40
const KINDS = {
  ES256: { cose: -7, make: { name: 'ECDSA', namedCurve: 'P-256' }, sign: { name: 'ECDSA', hash: 'SHA-256' } },
  EdDSA: { cose: -8, make: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
  RS256: {
    cose: -257,
    make: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    sign: { name: 'RSASSA-PKCS1-v1_5' },
  },
} as const

/** Makes a passkey as a browser and its device do; what the server gets, and what the device keeps. */
export async function makePasskey(
  offer: PasskeyOffer,
  origin: string,
  twist: Twist = {},
): Promise<{ credential: NewPasskey; device: DevicePasskey }> {
  const { kind = 'ES256' } = twist
  const keys = await newKeys(kind)
  const rawId = crypto.getRandomValues(new Uint8Array(32))
  const id = base64url(rawId)
  const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey)
  const key = new Map<number, CborValue>([[3, twist.algorithm ?? KINDS[kind].cose], ...publicPart(kind, jwk)])
  const length = new Uint8Array([rawId.length >> 8, rawId.length & 0xff])
  const attested = [new Uint8Array(16), length, rawId, cbor(key)]
  const said = await authenticatorData(twist.host ?? offer.rp.id, HAS_KEY, twist.uses ?? 0, twist)
  const authData = joined(said, ...attested)
  const clientDataJSON = clientData('webauthn.create', offer.challenge, origin, twist)
  const point = joined(new Uint8Array([4]), bytes(jwk.x ?? ''), bytes(jwk.y ?? ''))
  const certified = async () => certify(joined(new Uint8Array([0]), said.subarray(0, 32), await sha256(clientDataJSON), rawId, point))
  const { attestation = { format: 'none', statement: new Map<string, CborValue>() } } = twist
  const { format, statement } = attestation === 'certified' ? await certified() : attestation
  const attestationObject = cbor(
    new Map<string, CborValue>([
      ['fmt', format],
      ['attStmt', statement],
      ['authData', authData],
    ]),
  )
  return {
    credential: {
      id: twist.id ?? id,
      clientDataJSON: base64url(clientDataJSON),
      attestationObject: base64url(attestationObject),
      transports: ['internal'],
    },
    device: { id, host: offer.rp.id, userHandle: offer.user.id, keys, kind, uses: twist.uses ?? 0 },
  }
}

/** Uses one as a browser and its device do. The device counts one more, unless `twist.uses` says what it says. */
export async function usePasskey(device: DevicePasskey, question: Question, origin: string, twist: Twist = {}): Promise<Signed> {
  const uses = twist.uses ?? ++device.uses
  const data = await authenticatorData(twist.host ?? question.rpId, 0, uses, twist)
  const clientDataJSON = clientData('webauthn.get', question.challenge, origin, twist)
  const hash = await sha256(clientDataJSON)
  const { privateKey } = twist.keys ?? device.keys
  const raw = new Uint8Array(await crypto.subtle.sign(KINDS[device.kind].sign, privateKey, joined(data, hash)))
  return {
    id: twist.id ?? device.id,
    clientDataJSON: base64url(clientDataJSON),
    authenticatorData: base64url(data),
    signature: base64url(device.kind === 'ES256' ? der(raw) : raw),
    userHandle: twist.userHandle ?? device.userHandle,
  }
}

export async function newKeys(kind: KeyKind = 'ES256'): Promise<CryptoKeyPair> {
  const made = await crypto.subtle.generateKey(KINDS[kind].make, true, ['sign', 'verify'])
  if ('privateKey' in made) return made
  throw new Error(`${kind} has no pair of keys`)
}

/** RFC 9053: what a COSE key has besides its algorithm. */
function publicPart(kind: KeyKind, { x = '', y = '', n = '', e = '' }: JsonWebKey): [number, CborValue][] {
  switch (kind) {
    case 'ES256':
      return [
        [1, 2],
        [-1, 1],
        [-2, bytes(x)],
        [-3, bytes(y)],
      ]
    case 'EdDSA':
      return [
        [1, 1],
        [-1, 6],
        [-2, bytes(x)],
      ]
    case 'RS256':
      return [
        [1, 3],
        [-1, bytes(n)],
        [-2, bytes(e)],
      ]
  }
}

async function authenticatorData(host: string, more: number, uses: number, { present = true, verified = true }: Twist) {
  const hash = await sha256(new TextEncoder().encode(host))
  const flags = more | (present ? PRESENT : 0) | (verified ? VERIFIED : 0)
  const count = new Uint8Array(4)
  new DataView(count.buffer).setUint32(0, uses)
  return joined(hash, new Uint8Array([flags]), count)
}

function clientData(type: string, challenge: string, origin: string, twist: Twist): Uint8Array<ArrayBuffer> {
  const said = { type: twist.type ?? type, challenge: twist.challenge ?? challenge, origin: twist.origin ?? origin, crossOrigin: false }
  return new TextEncoder().encode(JSON.stringify(said))
}

/** Signs with a key of the maker's, whose certificate comes along. */
async function certify(data: Uint8Array<ArrayBuffer>): Promise<Attestation> {
  const { privateKey, publicKey } = await newKeys()
  const sign = async (what: Uint8Array<ArrayBuffer>) => der(new Uint8Array(await crypto.subtle.sign(KINDS.ES256.sign, privateKey, what)))
  // RFC 5280, as little as there can be of it.
  const algorithm = tagged(0x30, new Uint8Array([0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]))
  const nobody = tagged(0x30)
  const times = ['200101000000Z', '490101000000Z'].map((time) => tagged(0x17, new TextEncoder().encode(time)))
  const key = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey))
  const version = tagged(0xa0, new Uint8Array([2, 1, 2]))
  const content = tagged(0x30, version, new Uint8Array([2, 1, 1]), algorithm, nobody, tagged(0x30, ...times), nobody, key)
  const certificate = tagged(0x30, content, algorithm, tagged(0x03, new Uint8Array([0]), await sign(content)))
  return {
    format: 'fido-u2f',
    statement: new Map<string, CborValue>([
      ['sig', await sign(data)],
      ['x5c', [certificate]],
    ]),
  }
}

/** One value of DER. */
function tagged(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const { length } = Buffer.concat(parts)
  return joined(new Uint8Array(length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]), ...parts)
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data))
}

/** WebCrypto signs with r and s side by side, authenticators with a DER sequence of them. */
function der(raw: Uint8Array): Uint8Array {
  const integer = (value: Uint8Array) => {
    const start = value.findIndex((byte) => byte !== 0)
    const digits = value.subarray(start)
    const positive = (digits[0] ?? 0) > 0x7f ? [0, ...digits] : [...digits]
    return [0x02, positive.length, ...positive]
  }
  const both = [...integer(raw.subarray(0, 32)), ...integer(raw.subarray(32))]
  return new Uint8Array([0x30, both.length, ...both])
}

export type CborMap = ReadonlyMap<string, CborValue> | ReadonlyMap<number, CborValue>
export type CborValue = number | string | Uint8Array | readonly CborValue[] | CborMap

/** RFC 8949, as far as authenticators need it. */
function cbor(value: CborValue): Uint8Array<ArrayBuffer> {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === 'string') return joined(head(3, Buffer.byteLength(value)), new TextEncoder().encode(value))
  if (value instanceof Uint8Array) return joined(head(2, value.length), value)
  if (value instanceof Map) return joined(head(5, value.size), ...[...value].flatMap(([key, inner]) => [cbor(key), cbor(inner)]))
  const items = [...value] as CborValue[]
  return joined(head(4, items.length), ...items.map(cbor))
}

function head(major: number, count: number): Uint8Array<ArrayBuffer> {
  if (count < 24) return new Uint8Array([(major << 5) | count])
  if (count < 0x1_00) return new Uint8Array([(major << 5) | 24, count])
  return new Uint8Array([(major << 5) | 25, count >> 8, count & 0xff])
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts))
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'base64url'))
}

function base64url(data: Uint8Array): string {
  return Buffer.from(data).toString('base64url')
}
