import { LIMITS, newId, type Person, storable } from '#contract'
import type { Clock } from '../../web/store/clock.ts'
import { Database } from '../../web/store/database.ts'
import { guessedMessage } from '../../web/store/guesses.ts'
import { rebuild } from '../../web/store/rebuild.ts'
import { createStore, type Store } from '../../web/store/store.ts'
import { start } from '../../web/sync/engine.ts'
import { Socket } from '../../web/sync/socket.ts'
import { BrowserLocks } from './browser.ts'
import { addLink, Link, type Listener } from './network.ts'
import { after, now, random } from './realm.ts'
import { signIn } from './server-process.ts'

/** The first version of a store that is newer than the product's. */
const NEWER = 100
const IDLE_MS = 20
const RELOAD_MS = 5

/** One browser of one person: the tabs in it share a database and its locks. */
export class Profile {
  readonly person: Person
  /** What the database is called after; a second browser of the same person needs another name in this process. */
  readonly key: string
  readonly locks = new BrowserLocks()
  /** How many newer forms of the store have come since the first page was loaded. */
  newer = 0

  constructor(person: Person, browser: number) {
    this.person = person
    this.key = browser === 0 ? person.id : `${person.id}-${browser}`
  }

  get database(): string {
    return `confab-${this.key}`
  }
}

/** By reply. */
export type Shown = Readonly<Record<'text' | 'thoughts', Map<string, string>>>

/** What lasts of a tab through a reload: its place, its way to the server, its address. */
export class Tab {
  readonly index: number
  readonly profile: Profile
  readonly link: Link
  /** What this tab has shown of every reply since it was loaded: its text, and what the model thought. */
  readonly shown: Shown = { text: new Map(), thoughts: new Map() }
  /** Something may look different now. */
  changed = true
  #life: Life
  #room: string | null
  #open = true

  constructor(index: number, profile: Profile, room: string | null, listener: () => Listener | null) {
    this.index = index
    this.profile = profile
    this.#room = room
    this.link = new Link(`tab${index}`, listener)
    addLink(this.link)
    signIn(this.link, profile.person)
    this.#life = this.#begin()
  }

  get store(): Store {
    return this.#life.store
  }

  get room(): string | null {
    return this.#room
  }

  goTo(room: string): void {
    this.#room = room
    this.#life.routeChanged()
  }

  get open(): boolean {
    return this.#open
  }

  get frozen(): boolean {
    return this.#life.frozen
  }

  /** The page can read its store: another page has not to let go of an older one first. */
  get readable(): boolean {
    return this.#life.readable
  }

  /** Loads the page anew, or again after the tab was closed. */
  reload(): void {
    this.close()
    for (const said of Object.values(this.shown)) said.clear()
    this.#open = true
    this.changed = true
    this.#life = this.#begin()
  }

  close(): void {
    this.#open = false
    this.#life.end()
    this.profile.locks.free(this.#life)
  }

  /** Neither timers nor the network reach it for so long. */
  freeze(ms: number): void {
    const life = this.#life
    if (!this.#open) return
    life.freeze()
    this.link.hold('toClient')
    after(ms, () => {
      life.thaw()
      if (life === this.#life) this.link.release()
    })
  }

  thaw(): void {
    this.#life.thaw()
  }

  /** The browser says that the network is there, or that the reader is back. */
  signal(type: 'online' | 'offline' | 'pageshow'): void {
    this.#life.window.dispatchEvent(new Event(type))
  }

  #begin(): Life {
    return new Life(this)
  }
}

/** One load of a page. */
class Life {
  readonly store: Store
  readonly window = new EventTarget()
  readonly #listeners = new Set<() => void>()
  readonly #stop: () => void
  #ended = false
  readable = false
  /** What a frozen page has to do when it is thawed; null: it is not frozen. */
  #frozen: Set<() => void> | null = null

  constructor(tab: Tab) {
    const { profile } = tab
    const db = new Database(profile.key)
    // Above every version of the product: a page whose store has another form.
    if (profile.newer > 0)
      db.version(NEWER + profile.newer)
        .stores({})
        .upgrade((transaction) => rebuild(transaction, profile.person.id))
    const clock: Clock = {
      now,
      after: (delayMs, task) => {
        let wanted = true
        const due = () => {
          if (this.#ended || !wanted) return
          // A frozen tab does late what it should have done meanwhile.
          if (this.#frozen) return void this.#frozen.add(due)
          tab.changed = true
          task()
        }
        const cancel = after(delayMs, due)
        return () => {
          // What is due since a thaw is on no list any more.
          wanted = false
          cancel()
          this.#frozen?.delete(due)
        }
      },
    }
    db.facts.count().then(
      () => {
        this.readable = true
        tab.changed = true
      },
      () => undefined,
    )
    this.store = { ...createStore(profile.person.id, clock), db }
    this.#stop = start(this.store, {
      clock,
      random,
      transport: () =>
        new Socket({
          clock,
          random,
          url: `ws://${tab.link.name}/rpc`,
          signals: { window: this.window },
          hasSession: async () => true,
        }),
      route: {
        current: () => tab.room,
        onChange: (listener) => {
          this.#listeners.add(listener)
          return () => this.#listeners.delete(listener)
        },
      },
      locks: profile.locks.of(this),
      hasNetwork: () => tab.link.state !== 'refusing',
      // Every other tab has time for rooms that nobody has opened.
      ...(tab.index % 2 === 1
        ? { leisure: async () => ({ idle: () => new Promise<void>((resolve) => clock.after(IDLE_MS, resolve)), spare: async () => true }) }
        : {}),
      onReplaced: () => {
        after(RELOAD_MS, () => {
          if (!this.#ended) tab.reload()
        })
      },
      onSignedOut: () => {
        throw new Error('nobody has signed out')
      },
      signOut: async () => false,
    })
  }

  routeChanged(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  get frozen(): boolean {
    return this.#frozen !== null
  }

  freeze(): void {
    this.#frozen ??= new Set()
  }

  thaw(): void {
    const due = this.#frozen ?? []
    this.#frozen = null
    for (const task of due) after(0, task)
  }

  end(): void {
    this.#ended = true
    this.#stop()
    this.store.db.close()
  }
}

/** A note: what `sendPrompt` does, for the kind of message that no command makes yet. */
export async function sendNote({ db, personId }: Store, conversationId: string, text: string): Promise<string> {
  const input = {
    id: newId(),
    conversationId,
    text: storable(text).slice(0, LIMITS.messageLength),
    kind: 'note' as const,
    replyId: newId(),
  }
  return db.transaction('rw', [db.messages, db.outbox], async () => {
    const call = { procedure: 'message.send' as const, input }
    const seq = await db.outbox.add({ conversationId, call, state: 'waiting', failure: null, createdAt: Date.now() })
    const author = { id: personId, name: '' }
    await db.messages.add(guessedMessage(input, { seq, author, createdAt: Date.now(), delivery: 'pending' }))
    return input.id
  })
}
