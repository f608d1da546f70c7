import { type Static, Type } from '@sinclair/typebox'
import { LinkLabel } from './people.ts'
import { nothing, procedure } from './procedure.ts'
import { nullable, strict, Time } from './records.ts'

/** Bytes as WebAuthn's own JSON writes them: base64url without padding. */
const bytes = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength })
/** A credential's id, at most 1,023 bytes. */
const CredentialId = bytes(1_364)
/** How a browser may reach it: `internal`, `hybrid`, `usb` and whatever comes to be. */
const Transports = Type.Array(Type.String({ pattern: '^[a-z-]{1,20}$' }), { maxItems: 8 })

/** A key on somebody's device or in their password manager, by which they sign in. */
export const Passkey = strict({
  id: CredentialId,
  name: LinkLabel,
  /** The host name that it was made for: it opens nothing anywhere else. */
  host: Type.String(),
  createdAt: Time,
  usedAt: nullable(Time),
})
export type Passkey = Static<typeof Passkey>

/** What `navigator.credentials.create` takes, as `PublicKeyCredential.parseCreationOptionsFromJSON` reads it. */
const PasskeyOffer = strict({
  rp: strict({ id: Type.String(), name: Type.String() }),
  user: strict({ id: bytes(86), name: Type.String(), displayName: Type.String() }),
  challenge: bytes(86),
  pubKeyCredParams: Type.Array(strict({ type: Type.Literal('public-key'), alg: Type.Integer() })),
  timeout: Type.Integer(),
  attestation: Type.Literal('none'),
  authenticatorSelection: strict({
    residentKey: Type.Literal('required'),
    requireResidentKey: Type.Literal(true),
    userVerification: Type.Literal('required'),
  }),
  /** Those of the caller: a device that holds one of them makes no other. */
  excludeCredentials: Type.Array(strict({ type: Type.Literal('public-key'), id: CredentialId, transports: Transports })),
})
export type PasskeyOffer = Static<typeof PasskeyOffer>

/** What a browser has made of an offer. */
const NewPasskey = strict({
  id: CredentialId,
  clientDataJSON: bytes(4_000),
  attestationObject: bytes(8_000),
  transports: Transports,
})
export type NewPasskey = Static<typeof NewPasskey>

/** Of the caller's own. Signing in by one is at the door: POST /auth/passkey/ask and /auth/passkey/enter. */
export const passkey = {
  /** `host`: the name that one made here would be for; null: here none can be made, since this is neither https with a host name nor localhost. */
  list: procedure(nothing, strict({ host: nullable(Type.String()), passkeys: Type.Array(Passkey) })),
  /** For one passkey, made by this session within LIMITS.passkeyMs. FORBIDDEN `host` where none can be made. */
  offer: procedure(nothing, PasskeyOffer),
  /** FORBIDDEN `passkey`: it is no proof of what was asked. CONFLICT `late`: nothing was asked, or too long ago, or it has been answered. */
  add: procedure(strict({ name: LinkLabel, credential: NewPasskey }), Passkey),
  /** It opens nothing from now on. One that is gone is removed. */
  remove: procedure(strict({ id: CredentialId }), nothing),
}
