import type { SQL, TransactionSQL } from 'bun'

type Query = ReturnType<SQL['unsafe']>

/** What is still being answered when a client is given up gets this long. */
const GRACE_S = 2

/**
 * A client that does not wait for ever. Bun's own has a limit for connecting and none for a query: on a connection that died without a word
 * (a path that swallows, a machine that lost power) its query would never end, and ten of those end the pool. Here a statement that has no
 * answer for `silentMs` gives the whole client up: its queries fail as on a closed connection, and a new one takes what comes next.
 */
export function endSilence(make: () => SQL, silentMs: () => number, onSilence: () => void): SQL {
  let current = make()
  const leaving = new Set<Promise<void>>()

  const giveUp = (client: SQL) => {
    if (client !== current) return
    onSilence()
    current = make()
    const left = client
      .close({ timeout: GRACE_S })
      .catch(() => {})
      .finally(() => leaving.delete(left))
    leaving.add(left)
  }

  /** `work` says when it has heard from the database. */
  const watch = async <T>(client: SQL, work: (heard: () => void) => PromiseLike<T>): Promise<T> => {
    let timer = setTimeout(giveUp, silentMs(), client)
    const heard = () => {
      clearTimeout(timer)
      timer = setTimeout(giveUp, silentMs(), client)
    }
    try {
      return await work(heard)
    } finally {
      clearTimeout(timer)
    }
  }

  // drizzle takes Bun's client and uses these three.
  return {
    unsafe(text: string, values?: unknown[]) {
      const client = current
      return lazy(client.unsafe(text, values), (start) => watch(client, start))
    },
    begin(run: (transaction: TransactionSQL) => unknown) {
      const client = current
      return watch(client, (heard) => client.begin((transaction) => run(listened(transaction, heard))))
    },
    async close(options?: { timeout?: number }) {
      await Promise.all([current.close(options), ...leaving])
    },
  } as unknown as SQL
}

function listened(transaction: TransactionSQL, heard: () => void): TransactionSQL {
  return {
    unsafe: (text: string, values?: unknown[]) =>
      lazy(transaction.unsafe(text, values), async (start) => {
        try {
          return await start()
        } finally {
          heard()
        }
      }),
    savepoint: (run: (inner: TransactionSQL) => unknown) => transaction.savepoint((inner) => run(listened(inner, heard))),
  } as unknown as TransactionSQL
}

/** A query of Bun's begins when somebody waits for it, for its rows as objects or as arrays; so does this one, through `run`. */
function lazy(query: Query, run: (start: () => Query) => Promise<unknown>): Query {
  return {
    values: () => run(() => query.values()),
    // oxlint-disable-next-line unicorn/no-thenable -- a query is one
    then: (...listeners: Parameters<Promise<unknown>['then']>) => run(() => query).then(...listeners),
  } as unknown as Query
}
