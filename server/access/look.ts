import { reach } from '../database/conversations.ts'
import { findLink, type FoundLink } from '../database/links.ts'
import type { Db } from '../database/open.ts'
import { findOwner, findPerson } from '../database/people.ts'
import type { Comer } from './entry.ts'
import { hashToken, isToken } from './tokens.ts'

/** What a link opens, and as whom; `name` null: they have to say one. `by`: who has made an invitation. */
export type Opening = { readonly kind: 'claim' | 'device' | 'invite'; readonly name: string | null; readonly by?: string }

/** What entering by a link would do, of which nothing is done: the page has to know whether to ask for a name. null: it opens nothing. */
export async function look(db: Db, { token, session, shutOut }: Pick<Comer, 'token' | 'session' | 'shutOut'>): Promise<Opening | null> {
  if (!isToken(token) || shutOut) return null
  const link = await findLink(db, hashToken(token))
  if (!link || link.kind === 'share') return null
  const { kind } = link
  switch (kind) {
    case 'claim':
      return link.works ? { kind, name: (await findOwner(db))?.name ?? null } : null
    case 'device':
      return link.works ? { kind, name: (await findPerson(db, link.personId)).name } : null
    case 'invite':
      if (!link.works && !(await isIn(db, link, session))) return null
      return {
        kind,
        name: session?.person.name ?? null,
        ...(link.createdBy !== null && { by: (await findPerson(db, link.createdBy)).name }),
      }
  }
}

/** Who is in the room is led there by a link that is used up, too. */
export async function isIn(db: Db, { conversationId }: FoundLink, session: Comer['session']): Promise<boolean> {
  return session !== null && conversationId !== null && (await reach(db, conversationId, session.person.id)) !== null
}
