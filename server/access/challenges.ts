import { LIMITS } from '#contract'
import { newToken } from './tokens.ts'

const MOST = 10_000

/**
 * What passkeys have to sign: each 256 random bits, for one answer within LIMITS.passkeyMs, and for one purpose (`what`). With `by` there is one at
 * a time for each of these: whoever is in cannot crowd out the others. In memory: after a restart a person tries again. At most 10,000 are open;
 * beyond that the oldest is forgotten.
 */
export function createChallenges(now: () => number = Date.now) {
  const open = new Map<string, { readonly challenge: string; readonly what: string; readonly until: number }>()

  /** Those that are over; they are in the order of their ends. */
  function forget(): void {
    for (const [key, { until }] of open) {
      if (until > now() && open.size < MOST) break
      open.delete(key)
    }
  }

  return {
    make(what: string, by?: string): string {
      forget()
      const challenge = newToken()
      const key = by ?? challenge
      open.delete(key)
      open.set(key, { challenge, what, until: now() + LIMITS.passkeyMs })
      return challenge
    },
    /** Whether it was asked for this purpose, not too long ago, and is answered for the first time. Whatever this says, it is spent. */
    take(challenge: string, what: string, by?: string): boolean {
      const key = by ?? challenge
      const found = open.get(key)
      open.delete(key)
      return found?.challenge === challenge && found.what === what && found.until > now()
    },
  }
}
