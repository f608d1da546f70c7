import { LIMITS, type NewPasskey, type PasskeyOffer } from '#contract'
import { base64url } from './base64url.ts'

/** Given up so long before the server does: whoever takes their time is told so, instead of signing for nothing. */
const SOONER_MS = 5_000

/** Whether this browser has them, and reads what is asked of it as JSON. */
export function hasPasskeys(): boolean {
  return 'PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential
}

/** Lets the person make a passkey with their device or password manager. Rejects with what `passkeySentence` has words for. */
export async function makePasskey(offer: PasskeyOffer): Promise<NewPasskey> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(offer)
  const made = await navigator.credentials.create({ publicKey, signal: patience(offer.timeout) })
  // Asked for a public key, a browser answers with one.
  const { rawId, response } = made as PublicKeyCredential & { readonly response: AuthenticatorAttestationResponse }
  return {
    id: text(rawId),
    clientDataJSON: text(response.clientDataJSON),
    attestationObject: text(response.attestationObject),
    transports: transportsOf(response),
  }
}

/** Lets the person sign in by a passkey of theirs: what the server has asked → what it wants to see. Rejects likewise. */
export async function usePasskey(question: Record<string, unknown>): Promise<Record<string, string>> {
  // The browser checks it itself.
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(question as unknown as PublicKeyCredentialRequestOptionsJSON)
  const used = await navigator.credentials.get({ publicKey, signal: patience(publicKey.timeout) })
  // As above. The browser's own toJSON throws for what password managers put in its place.
  const { rawId, response } = used as PublicKeyCredential & { readonly response: AuthenticatorAssertionResponse }
  const { clientDataJSON, authenticatorData, signature, userHandle } = response
  return {
    id: text(rawId),
    clientDataJSON: text(clientDataJSON),
    authenticatorData: text(authenticatorData),
    signature: text(signature),
    userHandle: userHandle ? text(userHandle) : '',
  }
}

/** Tells the person's password manager that a passkey opens nothing any more, where it listens. */
export function forgetPasskey(host: string, id: string): void {
  if (host !== location.hostname || !('signalUnknownCredential' in PublicKeyCredential)) return
  PublicKeyCredential.signalUnknownCredential({ rpId: host, credentialId: id }).catch(() => undefined)
}

/** Why a passkey was not made, or not used: what browsers tell, which is not much, so that no page learns who has one. */
export function passkeySentence(error: unknown, doing: 'making' | 'using'): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
      return doing === 'making'
        ? 'No passkey was made: you called it off, or your device did not let you.'
        : 'You called it off, or there is no passkey for this server on your device.'
    case 'TimeoutError':
      return 'That took too long. Try again.'
    case 'InvalidStateError':
      return 'This device has a passkey of yours for this server already.'
    case 'SecurityError':
      return 'Passkeys do not work at this address. Open the server by its proper name.'
    case 'NotSupportedError':
    case 'ConstraintError':
      return 'This device cannot keep a passkey. It needs a screen lock, a fingerprint or a face.'
  }
  return 'Your browser could not do that with a passkey. Try again, or use another browser.'
}

function patience(timeoutMs = LIMITS.passkeyMs): AbortSignal {
  return AbortSignal.timeout(timeoutMs - SOONER_MS)
}

function transportsOf(response: AuthenticatorAttestationResponse): string[] {
  try {
    return response.getTransports()
  } catch {
    // As with toJSON. It is only a hint.
    return []
  }
}

function text(bytes: ArrayBuffer): string {
  return base64url(new Uint8Array(bytes))
}
