import type { Parts } from './parts.ts'
import { ConnectionLost } from './rpc.ts'

/**
 * Asks who this person is and which rooms there are, and stores the answers. `current` tells whether the connection is still the one that
 * it began on. Throws a Refusal or ConnectionLost.
 */
export async function greet({ store, rpc, writer }: Parts, current: () => boolean): Promise<void> {
  const [known, cursor] = await Promise.all([
    store.db.conversations.filter(({ origin }) => origin === 'server').primaryKeys(),
    store.db.facts.get('list'),
  ])
  const since = cursor?.key === 'list' ? { since: cursor.value } : {}
  const [me, answer] = await Promise.all([
    rpc.call((client, options) => client.session.me({}, options)),
    rpc.call((client, options) => client.conversation.list(since, options)),
  ])
  if (!current()) throw new ConnectionLost('another connection')
  await writer.write({ kind: 'me', me }, { kind: 'list', known, answer })
}
