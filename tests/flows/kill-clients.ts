import { ORPCError } from '@orpc/client'
import type { Page } from 'playwright'
import { type Message, newId } from '#contract'
import { sendPrompt } from '../../web/store/commands.ts'
import { shownText } from '../../web/store/live-texts.ts'
import { placed } from '../../web/store/places.ts'
import { useStore } from '../../web/store/store.ts'
import { connect, type TestClient } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import type { ProxiedTab } from '../support/proxied-tab.ts'
import { openRoom, say } from '../support/room-page.ts'
import type { TestServer } from '../support/server.ts'
import { storedRows } from '../support/stored-rows.ts'
import { type TranscriptRow, transcriptInStore, transcriptOf } from '../support/transcript.ts'
import type { KillLog } from './kill-log.ts'

/* Three kinds of clients that live through kills: the raw wire, the product's own client, and the product in a browser. */

export type Witness = {
  readonly name: string
  /** Into another room, with a new log. The server is there. */
  enter(conversationId: string, log: KillLog): Promise<void>
  /** Writes a prompt; whether it gets anywhere is another matter. */
  write(text: string): Promise<void>
  /** Puts down what it holds of every reply at this moment. */
  look(): Promise<void>
  /** The server is there again. */
  back(): Promise<void>
  /** What it holds of the room. Throws when it still has something to send. */
  transcript(): Promise<TranscriptRow[]>
  stop(): Promise<void>
}

type Prompt = { readonly id: string; readonly replyId: string; readonly text: string }

/** A client on the raw wire that keeps its rows from one connection to the next. `insists`: it sends until it is answered, as the outbox does. */
export class WireWitness implements Witness {
  readonly name: string
  readonly #server: TestServer
  readonly #cookie: string
  readonly #insists: boolean
  #client: TestClient | null = null
  #heard = 0
  #log: KillLog | null = null
  #conversationId = ''
  #rows = new Map<string, Message>()
  #cursor = 0
  #unsent: Prompt[] = []
  #sending: Promise<void> = Promise.resolve()
  #busy = false

  constructor(options: { name: string; server: TestServer; cookie: string; insists: boolean }) {
    this.name = options.name
    this.#server = options.server
    this.#cookie = options.cookie
    this.#insists = options.insists
  }

  async enter(conversationId: string, log: KillLog): Promise<void> {
    this.#log = log
    this.#conversationId = conversationId
    this.#rows = new Map()
    this.#cursor = 0
    await this.#client?.close()
    await this.back()
  }

  async write(text: string): Promise<void> {
    const prompt = { id: newId(), replyId: newId(), text }
    const log = this.#known()
    log.wrote({ ...prompt, device: this.name, insists: this.#insists, begunAt: log.now() })
    this.#unsent.push(prompt)
    this.#send()
  }

  async look(): Promise<void> {
    const client = this.#client
    if (!client) return
    for (const frame of client.frames.slice(this.#heard)) if (frame[0] === 'message') this.#take(frame[1])
    this.#heard = client.frames.length
    for (const [id, text] of client.texts) this.#known().saw(this.name, id, text)
  }

  async back(): Promise<void> {
    await this.#sending
    const client = await connect(this.#server, this.#cookie)
    this.#heard = 0
    this.#client = client
    const id = this.#conversationId
    const joined = await client.join(id, this.#cursor, 200)
    for (const row of joined.messages) this.#take(row)
    let { revision, more } = joined
    while (more) {
      const page = await client.rpc.conversation.pull({ id, since: revision, limit: 200 })
      for (const row of page.messages) this.#take(row)
      revision = page.revision
      more = page.more
    }
    this.#cursor = revision
    await this.look()
    this.#send()
  }

  async transcript(): Promise<TranscriptRow[]> {
    if (this.#unsent.length > 0) throw new Error(`${this.name} has not sent everything`)
    await this.look()
    return transcriptOf(this.#rows.values())
  }

  async stop(): Promise<void> {
    await this.#client?.close()
  }

  #known(): KillLog {
    if (!this.#log) throw new Error('the witness is in no room')
    return this.#log
  }

  #take(row: Message): void {
    if (row.conversationId === this.#conversationId && row.revision > (this.#rows.get(row.id)?.revision ?? 0)) this.#rows.set(row.id, row)
  }

  #send(): void {
    if (!this.#busy) this.#sending = this.#sendAll()
  }

  async #sendAll(): Promise<void> {
    const client = this.#client
    if (!client) return
    this.#busy = true
    const gone = client.closed.then(() => 'gone' as const)
    for (let [prompt] = this.#unsent; prompt; [prompt] = this.#unsent) {
      const { id } = prompt
      const sent = client.rpc.message.send({ ...prompt, conversationId: this.#conversationId, kind: 'prompt' }).then(
        () => 'sent' as const,
        (error: unknown) => {
          if (error instanceof ORPCError) this.#known().refused(id, error.code)
          return 'gone' as const
        },
      )
      const end = client.socket.readyState === WebSocket.OPEN ? await Promise.race([sent, gone]) : 'gone'
      if (end === 'sent') this.#known().acknowledged(id)
      else if (this.#insists) break
      this.#unsent.shift()
    }
    this.#busy = false
  }
}

/** A tab with the product's own client; those of one `device` share their rows and what waits to be sent. */
export class TabWitness implements Witness {
  readonly name: string
  readonly #device: string
  readonly #tab: ProxiedTab
  #log: KillLog | null = null
  #conversationId = ''

  constructor(options: { name: string; device: string; tab: ProxiedTab }) {
    this.name = options.name
    this.#device = options.device
    this.#tab = options.tab
  }

  async enter(conversationId: string, log: KillLog): Promise<void> {
    this.#log = log
    this.#conversationId = conversationId
    this.#tab.goTo(conversationId)
  }

  async write(text: string): Promise<void> {
    useStore(this.#tab.store)
    const begunAt = this.#log?.now() ?? 0
    const id = await sendPrompt(this.#conversationId, text)
    this.#log?.wrote({ id, text, replyId: null, device: this.#device, insists: true, begunAt })
  }

  async look(): Promise<void> {
    const { db, live } = this.#tab.store
    const rows = await db.messages
      .where('[conversationId+position]')
      .between(...placed(this.#conversationId))
      .toArray()
    for (const row of rows) {
      if (row.kind === 'reply')
        this.#log?.saw(
          this.name,
          row.id,
          shownText(row, (id) => live.get(id)),
        )
      else if (row.delivery === 'sent') this.#log?.acknowledged(row.id)
    }
  }

  async back(): Promise<void> {
    this.#tab.online()
  }

  async transcript(): Promise<TranscriptRow[]> {
    const { db } = this.#tab.store
    if ((await db.outbox.count()) > 0) throw new Error(`${this.name} has not sent everything`)
    await this.look()
    return transcriptInStore(db, this.#conversationId)
  }

  async stop(): Promise<void> {
    await this.#tab.stop()
  }
}

/** A page of the product in Chromium. */
export class PageWitness implements Witness {
  readonly name = 'page'
  readonly #page: Page
  readonly #server: TestServer
  #log: KillLog | null = null
  #conversationId = ''

  constructor(options: { page: Page; server: TestServer }) {
    this.#page = options.page
    this.#server = options.server
  }

  async enter(conversationId: string, log: KillLog): Promise<void> {
    this.#log = log
    this.#conversationId = conversationId
    await openRoom(this.#page, this.#server, conversationId)
  }

  async write(text: string): Promise<void> {
    const begunAt = this.#log?.now() ?? 0
    await say(this.#page, text)
    const { id } = await eventually(async () => (await storedRows(this.#page, 'messages')).find((row) => row.text === text))
    this.#log?.wrote({ id, text, replyId: null, device: this.name, insists: true, begunAt })
  }

  async look(): Promise<void> {
    const shown = await this.#page.evaluate(() =>
      Array.from(document.querySelectorAll<HTMLElement>('article[data-role="model"]'), (article) => ({
        id: article.dataset.messageId ?? '',
        text: article.querySelector('[data-part="text"]')?.textContent ?? '',
      })),
    )
    for (const { id, text } of shown) this.#log?.sawOnScreen(id, text)
  }

  async back(): Promise<void> {
    await this.#page.evaluate(() => dispatchEvent(new Event('online')))
  }

  async transcript(): Promise<TranscriptRow[]> {
    if ((await storedRows(this.#page, 'outbox')).length > 0) throw new Error('the page has not sent everything')
    await this.look()
    const rows = await storedRows(this.#page, 'messages')
    return transcriptOf(rows.filter((row) => row.conversationId === this.#conversationId))
  }

  async stop(): Promise<void> {
    await this.#page.close()
  }
}
