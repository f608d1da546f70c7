import type { WebAuthnCredential } from '@simplewebauthn/server'
import type { NewPasskey } from '#contract'

/** Where passkeys are made and used: `host` is what they are bound to (the relying party's id), `origin` what a browser signs. */
export type Party = { readonly host: string; readonly origin: string }

/** What a browser answers when somebody uses a passkey; all base64url. */
export type Assertion = {
  readonly id: string
  readonly clientDataJSON: string
  readonly authenticatorData: string
  readonly signature: string
  readonly userHandle: string
}

/** EdDSA, ES256, RS256: what phones, computers, password managers and keys in fact have. */
export const ALGORITHMS: readonly number[] = [-8, -7, -257]

// 24 packages and 25 MB of memory, which a server where nobody uses a passkey never loads.
const library = () => import('@simplewebauthn/server')

/** null: browsers have no passkeys there. They want https and a host name, not an address; a page of this very machine counts as safe. */
export function partyAt(origin: string): Party | null {
  if (!URL.canParse(origin)) return null
  const { protocol, hostname } = new URL(origin)
  const isAddress = hostname.startsWith('[') || /^[\d.]+$/.test(hostname)
  if (isAddress || !(protocol === 'https:' || (protocol === 'http:' && hostname === 'localhost'))) return null
  return { host: hostname, origin }
}

/** The challenge that is said to be answered; null: there is none in it. */
export function challengeIn(clientDataJSON: string): string | null {
  try {
    const data: unknown = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString())
    if (typeof data !== 'object' || data === null || !('challenge' in data)) return null
    return typeof data.challenge === 'string' ? data.challenge : null
  } catch {
    return null
  }
}

/** The key of a passkey that was made for this challenge, by a person whom their device knows. null: it is no such thing. */
export async function readNew(
  { id, transports, clientDataJSON, attestationObject }: NewPasskey,
  challenge: string,
  { host, origin }: Party,
): Promise<{ id: string; publicKey: string; counter: number } | null> {
  const { verifyRegistrationResponse } = await library()
  const { decodeAttestationObject } = await import('@simplewebauthn/server/helpers')
  try {
    // Nobody is asked what their device is. The certificates that come all the same would be read and, of known makers, their addresses called.
    const attestation = decodeAttestationObject(Buffer.from(attestationObject, 'base64url'))
    const format = attestation.get('fmt')
    if (format !== 'none' && !(format === 'packed' && attestation.get('attStmt').get('x5c') === undefined)) return null
    const { registrationInfo } = await verifyRegistrationResponse({
      response: {
        id,
        rawId: id,
        type: 'public-key',
        clientExtensionResults: {},
        response: { clientDataJSON, attestationObject, transports: [...transports] },
      },
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: host,
      requireUserVerification: true,
      supportedAlgorithmIDs: [...ALGORITHMS],
    })
    if (registrationInfo?.credential.id !== id) return null
    const { publicKey, counter } = registrationInfo.credential
    return { id, publicKey: Buffer.from(publicKey).toString('base64url'), counter }
  } catch {
    return null
  }
}

/** How often its device says that the passkey was used, when it has signed this challenge for a person whom it knows. null: it has not. */
export async function readUse(
  { id, userHandle, ...response }: Assertion,
  challenge: string,
  { host, origin }: Party,
  publicKey: string,
): Promise<number | null> {
  const { verifyAuthenticationResponse } = await library()
  try {
    // The count is compared where it is written, in the same statement: see `countUse`.
    const credential: WebAuthnCredential = { id, publicKey: new Uint8Array(Buffer.from(publicKey, 'base64url')), counter: 0 }
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response: { ...response, userHandle } },
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: host,
      credential,
      requireUserVerification: true,
    })
    return verified ? authenticationInfo.newCounter : null
  } catch {
    return null
  }
}
