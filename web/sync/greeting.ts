import type { Parts } from './parts.ts'
import { ConnectionLost } from './rpc.ts'

/** The session is somebody else's: they have entered in another tab of this browser. */
export class OtherPerson extends Error {
  override readonly name = 'OtherPerson'
}

/**
 * Asks who this person is and which rooms there are, and stores the answers. `current` tells whether the connection is still the one that
 * it began on. Throws a Refusal, ConnectionLost or OtherPerson.
 */
export async function greet({ store, rpc, writer }: Parts, current: () => boolean): Promise<void> {
  const [stored, cursor] = await Promise.all([store.db.conversations.toArray(), store.db.facts.get('list')])
  const known = stored.filter(({ origin }) => origin === 'server').map(({ id }) => id)
  const since = cursor?.key === 'list' ? { since: cursor.value } : {}
  const [me, first] = await Promise.all([
    rpc.call((client, options) => client.session.me({}, options)),
    rpc.call((client, options) => client.conversation.list(since, options)),
  ])
  // All pages are one answer: which rooms are gone is known only at the end.
  const conversations = [...first.conversations]
  const memberships = [...first.memberships]
  const arrangements = [...first.arrangements]
  const gone = [...first.gone]
  let last = first
  while (last.more) {
    const { cursor: next } = last
    last = await rpc.call((client, options) => client.conversation.list({ since: next }, options))
    conversations.push(...last.conversations)
    memberships.push(...last.memberships)
    arrangements.push(...last.arrangements)
    gone.push(...last.gone)
  }
  const answer = { conversations, memberships, arrangements, cursor: last.cursor, complete: first.complete }
  if (!current()) throw new ConnectionLost('another connection')
  // Nothing of theirs may come into this store, and nothing of this outbox may be sent in their name.
  if (me.person.id !== store.personId) throw new OtherPerson()
  await writer.write(
    { kind: 'me', me: { ...me, defaults: first.defaults } },
    { kind: 'list', known, since: cursor?.key === 'list' ? cursor.value : null, answer },
    ...gone.map((conversationId) => ({ kind: 'gone' as const, conversationId })),
  )
}
