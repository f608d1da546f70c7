import { AsyncLocalStorage } from 'node:async_hooks'

/*
 * The part of Dexie that web/store uses, over plain maps: one run through the real one takes twenty times as long. Transactions are atomic and
 * one after another for each database, readers included; a database that is closed undoes what it had not committed. The schedules that run over
 * the real Dexie keep this one honest.
 */
type Row = Record<string, unknown>
type Key = string | number
type Index = { readonly name: string; readonly fields: readonly string[] }
type Rows = {
  readonly keyPath: string
  readonly counts: boolean
  readonly indexes: readonly Index[]
  readonly rows: Map<Key, Row>
  last: number
}
type Undo = () => void
type Transaction = { readonly data: Data; readonly undo: Undo[]; readonly touched: Set<Rows>; active: boolean }
type Scope = { transaction: Transaction | null; reads: Set<Rows> | null }
type Upgrade = (transaction: { table(name: string): Table }) => Promise<void>
type Watcher = { readonly reads: Set<Rows>; run(): void }

/** What one browser keeps under one name; it outlives the tabs. */
class Data {
  readonly tables = new Map<string, Rows>()
  readonly watchers = new Set<Watcher>()
  /** Those that have it open. A newer version waits until the older ones have closed it. */
  readonly connections = new Set<Dexie>()
  /** 0: it was never opened. */
  version = 0
  /** Others open it only when that is over: when it fails, the next one has to do it. */
  upgrading = false
  readonly #waiting: (() => void)[] = []
  #locked = false

  get busy(): boolean {
    return this.#locked
  }

  // A turn begins in a task of its own, as a transaction of IndexedDB does.
  turn(): Promise<void> {
    return new Promise((resolve) => {
      const begin = () => {
        this.#locked = true
        setImmediate(resolve)
      }
      if (this.#locked) this.#waiting.push(begin)
      else begin()
    })
  }

  end(touched: ReadonlySet<Rows>): void {
    this.#locked = false
    this.#waiting.shift()?.()
    if (touched.size === 0) return
    for (const watcher of [...this.watchers]) if ([...watcher.reads].some((rows) => touched.has(rows))) watcher.run()
    for (const listener of listeners) listener(this.tables)
  }
}

const disks = new Map<string, Data>()
const scopes = new AsyncLocalStorage<Scope>()
const listeners = new Set<(tables: ReadonlyMap<string, Rows>) => void>()

/** Every browser is emptied. */
export function wipeBrowsers(): void {
  disks.clear()
}

/** The committed rows of a table; null while a transaction has it half written. */
export function peek(name: string, table: string): ReadonlyMap<Key, Row> | null {
  const data = disks.get(name)
  if (!data) return new Map()
  return data.busy ? null : (data.tables.get(table)?.rows ?? new Map())
}

const closed = () => Object.assign(new Error('the database is closed'), { name: 'DatabaseClosedError' })

export class Dexie {
  readonly name: string
  #open = true
  #version = 0
  readonly #upgrades = new Map<number, Upgrade>()
  #ready: Promise<void> | null = null
  readonly #listeners = new Set<(event: { newVersion: number | null }) => unknown>()

  constructor(name: string) {
    this.name = name
    if (!disks.has(name)) disks.set(name, new Data())
  }

  version(number: number) {
    this.#version = Math.max(this.#version, number)
    return {
      stores: (schema: Record<string, string>) => {
        for (const [table, text] of Object.entries(schema)) {
          if (!this.data.tables.has(table)) this.data.tables.set(table, parse(text))
          Object.defineProperty(this, table, { value: new Table(this, table), configurable: true })
        }
        return { upgrade: (work: Upgrade) => void this.#upgrades.set(number, work) }
      },
    }
  }

  get data(): Data {
    const data = disks.get(this.name)
    if (!data) throw closed()
    return data
  }

  get open(): boolean {
    return this.#open
  }

  async transaction<T>(_mode: string, ...rest: unknown[]): Promise<T> {
    const work = rest.at(-1) as () => T | PromiseLike<T>
    return this.within(work)
  }

  async within<T>(work: () => T | PromiseLike<T>): Promise<T> {
    const outer = scopes.getStore()
    if (outer?.transaction?.active && outer.transaction.data === this.data) return work()
    await (this.#ready ??= this.#begin())
    return this.#transact(work)
  }

  // As IndexedDB opens: others are told, and have to have closed it before the rows are changed to a newer form.
  async #begin(): Promise<void> {
    const { data } = this
    if (!this.#open) throw closed()
    if (data.version > this.#version) throw Object.assign(new Error('the database is newer'), { name: 'VersionError' })
    const older = () => [...data.connections].filter((other) => other.#version < this.#version)
    if (data.version > 0) for (const other of older()) for (const listener of [...other.#listeners]) listener({ newVersion: this.#version })
    while (older().length > 0 || data.upgrading) await new Promise((resolve) => setTimeout(resolve, 1))
    if (!this.#open) throw closed()
    const from = data.version
    data.version = this.#version
    data.connections.add(this)
    const upgrades = [...this.#upgrades].filter(([number]) => from > 0 && number > from).sort(([left], [right]) => left - right)
    if (upgrades.length === 0) return
    data.upgrading = true
    try {
      await this.#transact(async () => {
        for (const [, upgrade] of upgrades) await upgrade({ table: (name) => new Table(this, name) })
      })
    } catch (error) {
      data.version = from
      throw error
    } finally {
      data.upgrading = false
    }
  }

  async #transact<T>(work: () => T | PromiseLike<T>): Promise<T> {
    const outer = scopes.getStore()
    if (!this.#open) throw closed()
    const { data } = this
    await data.turn()
    const transaction: Transaction = { data, undo: [], touched: new Set(), active: true }
    try {
      const result = await scopes.run({ transaction, reads: outer?.reads ?? null }, async () => {
        if (!this.#open) throw closed()
        return work()
      })
      if (!this.#open && transaction.undo.length > 0) throw closed()
      return result
    } catch (error) {
      for (const undo of transaction.undo.reverse()) undo()
      transaction.touched.clear()
      throw error
    } finally {
      transaction.active = false
      data.end(transaction.touched)
    }
  }

  on(type: 'versionchange'): { unsubscribe(listener: (event: { newVersion: number | null }) => unknown): void }
  on(type: 'versionchange', listener: (event: { newVersion: number | null }) => unknown): void
  on(_type: string, listener?: (event: { newVersion: number | null }) => unknown) {
    if (listener) this.#listeners.add(listener)
    return { unsubscribe: (other: (event: { newVersion: number | null }) => unknown) => void this.#listeners.delete(other) }
  }

  close(): void {
    this.#open = false
    disks.get(this.name)?.connections.delete(this)
  }

  async delete(): Promise<void> {
    this.close()
    for (const rows of this.data.tables.values()) rows.rows.clear()
  }
}

function parse(schema: string): Rows {
  const [first = '', ...indexes] = schema.split(',').map((part) => part.trim())
  return {
    keyPath: first.replace('++', ''),
    counts: first.startsWith('++'),
    indexes: indexes.map((name) => ({ name, fields: name.replace(/[[\]]/g, '').split('+') })),
    rows: new Map(),
    last: 0,
  }
}

function compare(left: unknown, right: unknown): number {
  if (Array.isArray(left) && Array.isArray(right)) {
    for (let index = 0; index < left.length; index++) {
      const difference = compare(left[index], right[index])
      if (difference !== 0) return difference
    }
    return 0
  }
  if (typeof left === 'number' && typeof right === 'number') return left - right
  return String(left) < String(right) ? -1 : String(left) > String(right) ? 1 : 0
}

export class Table {
  readonly #db: Dexie
  readonly #name: string

  constructor(db: Dexie, name: string) {
    this.#db = db
    this.#name = name
  }

  /** In the transaction that is running, or in one of its own. */
  async act<T>(work: (rows: Rows, transaction: Transaction | null) => T): Promise<T> {
    return this.#db.within(() => {
      if (!this.#db.open) throw closed()
      const rows = this.#db.data.tables.get(this.#name)
      if (!rows) throw new Error(`there is no table ${this.#name}`)
      const scope = scopes.getStore()
      scope?.reads?.add(rows)
      return work(rows, scope?.transaction ?? null)
    })
  }

  get(key: Key) {
    return this.act(({ rows }) => copy(rows.get(key)))
  }

  put(row: Row) {
    return this.act((rows, transaction) => put(rows, transaction, row))
  }

  add(row: Row) {
    return this.act((rows, transaction) => {
      const key = row[rows.keyPath]
      if (key !== undefined && rows.rows.has(key as Key)) throw Object.assign(new Error('the key exists'), { name: 'ConstraintError' })
      return put(rows, transaction, row)
    })
  }

  delete(key: Key) {
    return this.act((rows, transaction) => drop(rows, transaction, key))
  }

  update(key: Key, change: Row) {
    return this.act((rows, transaction) => {
      const row = rows.rows.get(key)
      if (row) put(rows, transaction, { ...row, ...change })
    })
  }

  clear() {
    return this.toCollection().delete()
  }

  bulkGet(keys: readonly Key[]) {
    return this.act(({ rows }) => keys.map((key) => copy(rows.get(key))))
  }

  bulkPut(many: readonly Row[]) {
    return this.act((rows, transaction) => {
      for (const row of many) put(rows, transaction, row)
    })
  }

  bulkAdd(many: readonly Row[]) {
    return this.bulkPut(many)
  }

  bulkDelete(keys: readonly Key[]) {
    return this.act((rows, transaction) => {
      for (const key of keys) drop(rows, transaction, key)
    })
  }

  count() {
    return this.toCollection().count()
  }

  toArray() {
    return this.toCollection().toArray()
  }

  filter(test: (row: Row) => boolean) {
    return this.toCollection().filter(test)
  }

  toCollection() {
    return new Collection(this, null, () => true)
  }

  orderBy(index: string) {
    return new Collection(this, index, () => true)
  }

  where(index: string) {
    const select = (test: (value: unknown) => boolean) => new Collection(this, index, test)
    return {
      equals: (value: unknown) => select((other) => compare(other, value) === 0),
      anyOf: (...values: unknown[]) => {
        const wanted = values.flat()
        return select((other) => wanted.some((value) => compare(other, value) === 0))
      },
      above: (value: unknown) => select((other) => compare(other, value) > 0),
      below: (value: unknown) => select((other) => compare(other, value) < 0),
      between: (lower: unknown, upper: unknown, withLower = true, withUpper = false) =>
        select((value) => {
          const [low, high] = [compare(value, lower), compare(value, upper)]
          return (withLower ? low >= 0 : low > 0) && (withUpper ? high <= 0 : high < 0)
        }),
    }
  }
}

class Collection {
  readonly #table: Table
  readonly #index: string | null
  readonly #inRange: (value: unknown) => boolean
  #tests: ((row: Row) => boolean)[] = []
  #backwards = false
  #limit = Number.POSITIVE_INFINITY

  constructor(table: Table, index: string | null, inRange: (value: unknown) => boolean) {
    this.#table = table
    this.#index = index
    this.#inRange = inRange
  }

  filter(test: (row: Row) => boolean): this {
    this.#tests = [...this.#tests, test]
    return this
  }

  reverse(): this {
    this.#backwards = !this.#backwards
    return this
  }

  limit(count: number): this {
    this.#limit = count
    return this
  }

  toArray() {
    return this.#table.act((rows) => this.#select(rows).map(([, row]) => copy(row)))
  }

  async sortBy(field: string) {
    return (await this.toArray()).sort((left, right) => compare(left?.[field], right?.[field]))
  }

  async first() {
    return (await this.limit(1).toArray())[0]
  }

  count() {
    return this.#table.act((rows) => this.#select(rows).length)
  }

  primaryKeys() {
    return this.#table.act((rows) => this.#select(rows).map(([key]) => key))
  }

  delete() {
    return this.#table.act((rows, transaction) => {
      const found = this.#select(rows)
      for (const [key] of found) drop(rows, transaction, key)
      return found.length
    })
  }

  modify(change: Row | ((row: Row) => void)) {
    return this.#table.act((rows, transaction) => {
      const found = this.#select(rows)
      for (const [, row] of found) {
        const next = { ...row }
        if (typeof change === 'function') change(next)
        else Object.assign(next, change)
        put(rows, transaction, next)
      }
      return found.length
    })
  }

  #select(rows: Rows): [Key, Row][] {
    const index = this.#index === null ? null : this.#indexOf(rows, this.#index)
    const found: [Key, Row, unknown][] = []
    for (const [key, row] of rows.rows) {
      const value = index === null ? key : valueOf(row, index.fields)
      if (value === undefined || !this.#inRange(value) || !this.#tests.every((test) => test(row))) continue
      found.push([key, row, value])
    }
    found.sort((left, right) => compare(left[2], right[2]) || compare(left[0], right[0]))
    if (this.#backwards) found.reverse()
    return found.slice(0, this.#limit).map(([key, row]) => [key, row])
  }

  #indexOf(rows: Rows, name: string): Index {
    if (name === rows.keyPath || name === ':id') return { name, fields: [rows.keyPath] }
    const found = rows.indexes.find((index) => index.name === name)
    if (!found) throw new Error(`there is no index ${name}`)
    return found
  }
}

// What has no value in one of the fields is not in the index.
function valueOf(row: Row, fields: readonly string[]): unknown {
  const values = fields.map((field) => row[field])
  if (values.some((value) => typeof value !== 'string' && typeof value !== 'number')) return undefined
  return values.length === 1 ? values[0] : values
}

function copy(row: Row | undefined): Row | undefined {
  return row && { ...row }
}

function put(rows: Rows, transaction: Transaction | null, row: Row): Key {
  const given = row[rows.keyPath]
  const key = typeof given === 'string' || typeof given === 'number' ? given : null
  if (key === null && !rows.counts) throw new Error('a row without a key')
  const id = key ?? ++rows.last
  if (typeof id === 'number') rows.last = Math.max(rows.last, id)
  remember(rows, transaction, id)
  rows.rows.set(id, Object.freeze({ ...row, [rows.keyPath]: id }))
  return id
}

function drop(rows: Rows, transaction: Transaction | null, key: Key): void {
  if (!rows.rows.has(key)) return
  remember(rows, transaction, key)
  rows.rows.delete(key)
}

function remember(rows: Rows, transaction: Transaction | null, key: Key): void {
  const before = rows.rows.get(key)
  transaction?.touched.add(rows)
  transaction?.undo.push(() => {
    if (before) rows.rows.set(key, before)
    else rows.rows.delete(key)
  })
}

/** Calls back after every commit, of any database. */
export function onCommit(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function liveQuery<T>(query: () => T | Promise<T>) {
  return {
    subscribe({ next, error }: { next(value: T): void; error?(error: unknown): void }) {
      let state: 'idle' | 'running' | 'again' | 'ended' = 'idle'
      const ended = () => state === 'ended'
      const watcher: Watcher = { reads: new Set(), run: () => void run() }
      const watched = new Set<Data>()
      const run = async () => {
        if (state !== 'idle') {
          if (state === 'running') state = 'again'
          return
        }
        state = 'running'
        try {
          const value = await scopes.run({ transaction: null, reads: watcher.reads }, async () => query())
          for (const data of disks.values()) {
            if ([...data.tables.values()].some((rows) => watcher.reads.has(rows))) watched.add(data)
          }
          for (const data of watched) data.watchers.add(watcher)
          if (!ended()) next(value)
        } catch (failure) {
          if (!ended()) error?.(failure)
        }
        if (ended()) return
        const again = state !== 'running'
        state = 'idle'
        if (again) void run()
      }
      void run()
      return {
        unsubscribe() {
          state = 'ended'
          for (const data of watched) data.watchers.delete(watcher)
        },
      }
    },
  }
}
