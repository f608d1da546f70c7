import { label, LIMITS, type NewPasskey, type Passkey, type PasskeyOffer, type Person } from '#contract'
import { inTime } from '../database/in-time.ts'
import type { Db } from '../database/open.ts'
import { addPasskey, countUse, findPasskey, passkeysOf, removePasskey, toPasskey } from '../database/passkeys.ts'
import type { Log } from '../log.ts'
import { createChallenges } from './challenges.ts'
import { type Comer, type Entry, refused, sessionFor } from './entry.ts'
import { ALGORITHMS, type Assertion, challengeIn, partyAt, readNew, readUse } from './webauthn.ts'

const LOOK_MS = 5_000

/** Who makes a passkey: by which session, on a page of which origin. */
export type Maker = { readonly person: Person; readonly sessionId: string; readonly origin: string }

export type Added = { readonly kind: 'added'; readonly passkey: Passkey } | { readonly kind: 'host' | 'late' | 'passkey' | 'busy' }

/** What `navigator.credentials.get` takes, as `PublicKeyCredential.parseRequestOptionsFromJSON` reads it: any passkey that somebody has for this host. */
export type PasskeyQuestion = {
  readonly challenge: string
  readonly rpId: string
  readonly timeout: number
  readonly userVerification: 'required'
  readonly allowCredentials: readonly []
}

export type Passkeys = ReturnType<typeof createPasskeys>

/** Keys on people's devices, by which they come in without a link: making, using, removing them. Each of these is logged, with ids only. */
export function createPasskeys({ db, log, now }: { db: Db; log: Log; now?: () => number }) {
  const offers = createChallenges(now)
  const questions = createChallenges(now)

  return {
    async list({ person, origin }: Maker): Promise<{ host: string | null; passkeys: Passkey[] }> {
      return { host: partyAt(origin)?.host ?? null, passkeys: (await passkeysOf(db, person.id)).map(toPasskey) }
    },

    /** null: there are no passkeys at this address. */
    async offer({ person, sessionId, origin }: Maker): Promise<PasskeyOffer | null> {
      const party = partyAt(origin)
      if (!party) return null
      const known = (await passkeysOf(db, person.id)).filter(({ host }) => host === party.host)
      return {
        rp: { id: party.host, name: 'Confab' },
        user: { id: handleOf(person), name: person.name, displayName: person.name },
        challenge: offers.make(party.origin, sessionId),
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        timeout: LIMITS.passkeyMs,
        attestation: 'none',
        // It is found without a name being typed, and it asks whoever holds it for a finger, a face or a number.
        authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
        excludeCredentials: known.map(({ id, transports }) => ({ type: 'public-key', id, transports })),
      }
    },

    async add({ person, sessionId, origin }: Maker, name: string, credential: NewPasskey): Promise<Added> {
      const party = partyAt(origin)
      if (!party) return { kind: 'host' }
      const challenge = challengeIn(credential.clientDataJSON)
      if (challenge === null) return { kind: 'passkey' }
      if (!offers.take(challenge, party.origin, sessionId)) return { kind: 'late' }
      const key = await readNew(credential, challenge, party)
      if (!key) return { kind: 'passkey' }
      const { transports } = credential
      const values = { ...key, personId: person.id, host: party.host, transports, name: label(name, LIMITS.linkLabelLength) }
      const made = await addPasskey(db, sessionId, values)
      if (!made) return { kind: 'busy' }
      log.info('passkey.added', { person: person.id, host: party.host })
      return { kind: 'added', passkey: toPasskey(made) }
    },

    async remove(id: string, { person }: Maker): Promise<void> {
      if (await removePasskey(db, id, person.id)) log.info('passkey.removed', { person: person.id })
    },

    /** To be signed by whoever has a passkey for the host of this page; null: there are none at this address. */
    ask(origin: string): PasskeyQuestion | null {
      const party = partyAt(origin)
      if (!party) return null
      const challenge = questions.make(party.origin)
      return { challenge, rpId: party.host, timeout: LIMITS.passkeyMs, userVerification: 'required', allowCredentials: [] }
    },

    /**
     * Signs a browser in by a passkey. There is one answer for those that are unknown, removed, of somebody who is disabled, made for another host
     * or used by two devices, and for whatever was not signed as it should be.
     */
    async enter(assertion: Assertion, origin: string, comer: Omit<Comer, 'token' | 'name'>): Promise<Entry> {
      const party = partyAt(origin)
      const challenge = challengeIn(assertion.clientDataJSON)
      if (!party || challenge === null || comer.shutOut) return refused('passkey_refused')
      if (!questions.take(challenge, party.origin)) return refused('passkey_late')
      const found = await inTime(findPasskey(db, assertion.id, party.host), LOOK_MS)
      if (!found || assertion.userHandle !== handleOf(found.person)) return refused('passkey_refused')
      const { passkey, person } = found
      const counter = await readUse(assertion, challenge, party, passkey.publicKey)
      if (counter === null) return refused('passkey_refused')
      return db.transaction(async (tx) => {
        if (!(await countUse(tx, passkey.id, counter))) {
          log.warn('passkey.counted_back', { person: person.id, host: party.host })
          return refused('passkey_refused')
        }
        log.info('passkey.used', { person: person.id, host: party.host })
        return { kind: 'entered', conversationId: null, ...(await sessionFor(tx, person, comer)) }
      })
    },
  }
}

/** Whom a passkey says it is of: what its device gives back when it is used. */
function handleOf({ id }: Person): string {
  return Buffer.from(id).toString('base64url')
}
