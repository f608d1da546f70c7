import type { Link, Role } from '#contract'
import { durationWords } from './spans.ts'

export const ROLES: Record<Role, string> = { owner: 'Owner', participant: 'Participant', viewer: 'Viewer' }

const DAY_MS = 86_400_000

/** How long a link may work, in the order in which a person chooses; milliseconds, null: until it is revoked. */
export const DURATIONS: readonly { words: string; ms: number | null }[] = [
  { words: '1 day', ms: DAY_MS },
  { words: '7 days', ms: 7 * DAY_MS },
  { words: '30 days', ms: 30 * DAY_MS },
  { words: 'Until revoked', ms: null },
]

/** How many people a link lets in; null: as many as open it. */
export const USES: readonly { words: string; count: number | null }[] = [
  { words: '1 person', count: 1 },
  { words: '10 people', count: 10 },
  { words: '50 people', count: 50 },
  { words: 'Anybody', count: null },
]

/** What a link is called in a list. */
export function linkName({ kind, label, role }: Pick<Link, 'kind' | 'label' | 'role'>): string {
  if (label !== '') return label
  switch (kind) {
    case 'invite':
      return role === 'viewer' ? 'Invitation to read' : 'Invitation'
    case 'share':
      return 'Shared page'
    case 'device':
      return 'For another device'
    case 'claim':
      return 'For the owner of this server'
  }
}

/** What a link is still good for: `Participant · 3 uses, 6 days left`. */
export function linkTerms(link: Pick<Link, 'kind' | 'role' | 'usesLeft' | 'expiresAt'>, now: number): string {
  const { kind, role, usesLeft, expiresAt } = link
  const uses = usesLeft === null || kind === 'share' ? null : usesLeft === 1 ? '1 use' : `${usesLeft} uses`
  const time = expiresAt === null ? null : durationWords(expiresAt - now)
  const left = [uses, time].filter((part) => part !== null).join(', ')
  const who = role !== null ? ROLES[role] : kind === 'share' ? 'Anybody may read' : null
  return [who, left === '' ? 'until revoked' : `${left} left`].filter((part) => part !== null).join(' · ')
}
