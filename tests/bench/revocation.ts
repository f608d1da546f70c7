import type { Frame } from '#contract'
import { connect } from '../support/client.ts'
import { comeIn, enter, inviteTo } from '../support/people.ts'
import { createRoom } from '../support/room-page.ts'
import { startServer } from '../support/server.ts'
import { quantile } from './figures.ts'

/** How long it takes from the call that removes somebody from a room, or disables them, until their open tabs hear of it. */
export async function revocation({ rounds }: { rounds: number }): Promise<string> {
  const server = await startServer()
  const took: Record<'removed' | 'disabled', number[]> = { removed: [], disabled: [] }
  try {
    const owner = await connect(server, (await enter(server)).cookie)
    const id = await createRoom(owner, 'Revoked')
    const { token } = await inviteTo(owner, id)
    const isGone = (frame: Frame) => frame[0] === 'gone' && frame[1] === id
    for (let round = 0; round < rounds; round++) {
      const guest = await comeIn(server, token, `Guest ${round}`)
      const tab = await connect(server, guest.cookie)
      await tab.join(id)
      took.removed.push(await timed(() => owner.rpc.member.remove({ conversationId: id, personId: guest.person.id }), tab.hear(isGone)))
      took.disabled.push(await timed(() => owner.rpc.admin.updatePerson({ id: guest.person.id, disabled: true }), tab.closed))
    }
    await owner.close()
  } finally {
    await server.stop()
  }
  const figures = ([name, values]: [string, number[]]) =>
    `${name} ${quantile(values, 0.5).toFixed(1)} ms in the median, ${Math.max(...values).toFixed(1)} ms at most`
  return `Revocation, until an open tab hears of it: ${Object.entries(took).map(figures).join('; ')}`
}

async function timed(end: () => Promise<unknown>, heard: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await Promise.all([end(), heard])
  return performance.now() - start
}
