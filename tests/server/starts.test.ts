import { expect, test } from 'bun:test'
import { setImmediate as breathe } from 'node:timers/promises'
import { newId } from '#contract'
import { Pace } from '../../server/replies/pace.ts'
import { Places } from '../../server/replies/places.ts'
import { Starts } from '../../server/replies/starts.ts'

const never = new AbortController().signal

test('places go to the people who wait in turn, however many rooms each of them has', async () => {
  const places = new Places(1)
  await places.take('first', never)
  const order: string[] = []
  const taking = ['ada', 'ada', 'ada', 'bob', 'bob', 'eve'].map((person) => places.take(person, never).then(() => order.push(person)))
  for (const _ of taking) {
    const before = order.length
    places.giveBack()
    while (order.length === before) await breathe()
  }
  await Promise.all(taking)
  expect(order).toEqual(['ada', 'bob', 'eve', 'ada', 'bob', 'ada'])
})

test('whoever is stopped while they wait, or in the moment in which their place comes, takes no place', async () => {
  const places = new Places(1)
  await places.take('first', never)
  const early = new AbortController()
  const late = new AbortController()
  const stopped = [places.take('ada', early.signal), places.take('bob', late.signal)].map((taking) => taking.catch((why: unknown) => why))
  early.abort('early')
  expect(await stopped[0]).toBe('early')
  late.abort('late')
  places.giveBack()
  expect(await stopped[1]).toBe('late')
  // There is one place again, and not two.
  await places.take('eve', never)
  let second = false
  const next = places.take('ada', never).then(() => (second = true))
  await breathe()
  expect(second).toBe(false)
  places.giveBack()
  await next
})

test('so many questions in any minute, and how long it is until the next', () => {
  let now = 1_000_000
  const pace = new Pace(() => now)
  expect(pace.take('ada', 2)).toBe(0)
  now += 20_000
  expect(pace.take('ada', 2)).toBe(0)
  expect(pace.take('ada', 2)).toBe(40_000)
  expect(pace.take('bob', 2)).toBe(0)
  now += 40_000
  expect(pace.take('ada', 2)).toBe(0)
  expect(pace.take('ada', 2)).toBe(20_000)
  // A narrower bound counts what was asked before it; without one nobody waits.
  expect(pace.take('ada', 1)).toBe(60_000)
  expect(pace.take('ada', null)).toBe(0)
})

function starts(perMinute: number | null = null) {
  const told: (Date | null)[] = []
  const options = { atOnce: 1, perMinute: () => perMinute, told: async (_: unknown, at: Date | null) => void told.push(at) }
  return { told, starts: new Starts(options) }
}
const reply = () => ({ id: newId(), conversationId: newId(), askedBy: { id: newId() } })

test('what is held is not asked for until it is let go, and never once it is taken back', async () => {
  const { starts: all } = starts()
  const [kept, taken] = [reply(), reply()]
  const hold = all.hold([kept.id, taken.id])
  const first = all.start(kept, never)
  let entered = false
  const entering = first.enter().then((may) => (entered = may))
  await breathe()
  expect([entered, all.asking]).toEqual([false, 0])
  hold?.(false)
  expect(await entering).toBe(true)
  // Now it is asking: too late.
  expect(all.hold([kept.id])).toBeNull()
  const second = all.start(taken, never)
  const waiting = second.enter()
  all.hold([taken.id])?.(true)
  expect(await waiting).toBe(false)
  second.leave()
  first.leave()
  expect(all.asking).toBe(0)
  const third = all.start(reply(), never)
  expect(await third.enter()).toBe(true)
})

test('a wait for the pace is told once, ends with a stop, and is over when what is waited for is taken back', async () => {
  const { starts: all, told } = starts(1)
  const person = { id: newId() }
  const first = all.start({ ...reply(), askedBy: person }, never)
  expect(await first.enter()).toBe(true)
  first.leave()
  const stop = new AbortController()
  const second = all.start({ ...reply(), askedBy: person }, stop.signal)
  const entering = second.enter().catch((why: unknown) => why)
  expect(told.map((at) => (at?.getTime() ?? 0) > Date.now() + 50_000)).toEqual([true])
  stop.abort('stopped')
  expect(await entering).toBe('stopped')
  const third = { ...reply(), askedBy: person }
  const waiting = all.start(third, never).enter()
  all.hold([third.id])?.(true)
  expect(await waiting).toBe(false)
})

test('who steps aside leaves the place to others, may be taken back until they enter again, and is counted at the pace once', async () => {
  const { starts: all, told } = starts(1)
  const [kept, taken] = [reply(), reply()]
  const until = Promise.withResolvers<void>()
  const first = all.start(kept, never)
  expect(await first.enter()).toBe(true)
  const aside = first.aside(until.promise)
  expect([all.asking, all.isAsking(kept.id)]).toEqual([0, false])
  const second = all.start(taken, never)
  expect(await second.enter()).toBe(true)
  until.resolve()
  await aside
  let entered = false
  const entering = first.enter().then((may) => (entered = may))
  await breathe()
  expect(entered).toBe(false)
  const over = second.aside(new Promise(() => {}))
  expect(await entering).toBe(true)
  all.hold([taken.id])?.(true)
  await over
  expect(await second.enter()).toBe(false)
  // Nobody gives back a place that they do not have.
  second.leave()
  first.leave()
  const third = all.start(reply(), never)
  expect(await third.enter()).toBe(true)
  const fourth = all.start(reply(), never)
  void fourth.enter()
  await breathe()
  expect([all.asking, told]).toEqual([1, []])
})
