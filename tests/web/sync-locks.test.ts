import { expect, test } from 'bun:test'
import { browserLocks } from '../../web/sync/locks.ts'

/** The part of a browser's locks that is used: one holder for each name, and waiting that can be given up. */
class Manager {
  readonly #last = new Map<string, Promise<unknown>>()

  async request<T>(name: string, { signal }: { signal?: AbortSignal }, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve()
    const end = Promise.withResolvers<void>()
    this.#last.set(
      name,
      before.then(() => end.promise),
    )
    try {
      await Promise.race([before, rejectsWith(signal)])
      return await task()
    } finally {
      end.resolve()
    }
  }
}

function rejectsWith(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason))
  })
}

const locks = (patienceMs: number) => browserLocks(new Manager() as unknown as LockManager, patienceMs)
const never = new AbortController().signal

test('what two tabs want to do under one name is done one after the other', async () => {
  const lock = locks(10_000)
  const seen: string[] = []
  const first = Promise.withResolvers<void>()
  const done = [
    lock('name', never, async () => {
      seen.push('first begins')
      await first.promise
      seen.push('first ends')
    }),
    lock('name', never, async () => void seen.push('second')),
    lock('other', never, async () => void seen.push('other')),
  ]
  await done[2]
  first.resolve()
  await Promise.all(done)
  expect(seen).toEqual(['first begins', 'other', 'first ends', 'second'])
})

test('a tab that sleeps with the lock in its hand does not keep the others from their work', async () => {
  const lock = locks(20)
  void lock('name', never, () => new Promise(() => undefined))
  expect(await lock('name', never, async () => 'done')).toBe('done')
})

test('what has been given up is not done, and a task that fails is not done twice', async () => {
  const lock = locks(20)
  let done = 0
  void lock('name', never, () => new Promise(() => undefined))
  const gone = new AbortController()
  const waiting = lock('name', gone.signal, async () => ++done)
  gone.abort()
  expect(await waiting.catch(String)).toContain('AbortError')
  const failing = lock('other', never, async () => {
    done++
    throw new Error('broken')
  })
  expect(await failing.catch(String)).toBe('Error: broken')
  expect(done).toBe(1)
})

test('without locks everything is simply done', async () => {
  expect(await browserLocks(undefined)('name', never, async () => 'done')).toBe('done')
})
