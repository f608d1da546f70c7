import { type Author, type Conversation, type Frame, isOpen, type LiveReply, type Message, newId, preview, type Reply } from '#contract'
import { QUEUED } from './queued-reply.ts'

/** A room as the server keeps it, in memory: every method is one committed change, and returns what the server broadcasts for it. */
export class ModelRoom {
  readonly messages = new Map<string, Message>()
  readonly live = new Map<string, string>()
  readonly thoughts = new Map<string, string>()
  row: Conversation

  constructor(id: string = newId()) {
    this.row = {
      id,
      revision: 1,
      title: '',
      model: null,
      instructions: '',
      temperature: null,
      thinking: null,
      answer: 'always',
      guestsAsk: true,
      dayTokens: null,
      count: 0,
      headId: null,
      last: null,
      runningId: null,
      createdAt: 1_700_000_000_000,
      updatedAt: 1_700_000_000_000,
      deleted: false,
    }
  }

  get rows(): Message[] {
    return [...this.messages.values()].sort((left, right) => left.position - right.position)
  }

  /** A prompt with its queued reply, or a note. */
  send({ id: authorId, name }: Author, text: string, kind: 'prompt' | 'note' = 'prompt', id = newId(), replyId = newId()): Frame[] {
    const position = this.row.revision + 1
    const author = { id: authorId, name }
    const message: Message = { ...this.#place(id, this.row.headId, position), text, kind, author }
    const made: Message[] = [message]
    if (kind === 'prompt') made.push({ ...this.#place(replyId, id, position + 1), ...QUEUED, askedBy: author })
    return this.#commit(made, {
      count: this.row.count + made.length,
      headId: kind === 'prompt' ? replyId : this.row.headId,
      title: this.row.title || preview(text, 60),
      last: { name: author.name, text: preview(text, 140) },
      updatedAt: this.row.updatedAt + 1,
    })
  }

  begin(replyId: string): Frame[] {
    const reply = this.reply(replyId)
    this.live.set(replyId, reply.text)
    return this.#commit([{ ...reply, state: 'streaming', revision: this.row.revision + 1 }], { runningId: replyId })
  }

  /** A chunk of a running reply: live only, no revision. */
  delta(replyId: string, text: string): Frame[] {
    const before = this.live.get(replyId)
    if (before === undefined) throw new Error('the reply does not run')
    this.live.set(replyId, before + text)
    return [['delta', replyId, before.length, text]]
  }

  think(replyId: string, text: string): Frame[] {
    const before = this.thoughts.get(replyId) ?? ''
    this.thoughts.set(replyId, before + text)
    return [['thought', replyId, before.length, text]]
  }

  finish(replyId: string, state: 'complete' | 'stopped' | 'interrupted' = 'complete'): Frame[] {
    const text = this.live.get(replyId) ?? this.reply(replyId).text
    const thoughts = this.thoughts.get(replyId) ?? null
    this.live.delete(replyId)
    this.thoughts.delete(replyId)
    const thought = thoughts === null ? {} : { thoughts: { text: thoughts, ms: 1 } }
    return this.#commit([{ ...this.reply(replyId), ...thought, state, text, finishedAt: 1, revision: this.row.revision + 1 }], {
      runningId: null,
      last: { name: 'Gemini', text: preview(text, 140) },
    })
  }

  resume(replyId: string): Frame[] {
    return this.#commit([{ ...this.reply(replyId), state: 'queued', finishedAt: null, revision: this.row.revision + 1 }], {})
  }

  remove(messageId: string): Frame[] {
    const message = this.messages.get(messageId)
    if (!message) throw new Error('no such message')
    return this.#commit([{ ...message, text: '', deleted: true, revision: this.row.revision + 1 }], {})
  }

  rename(title: string): Frame[] {
    return this.#commit([], { title }, this.row.revision + 1)
  }

  reply(replyId: string): Reply {
    const reply = this.messages.get(replyId)
    if (reply?.kind !== 'reply') throw new Error('no such reply')
    return reply
  }

  /** What join and pull answer. */
  page(since: number, limit: number) {
    const rows = since === 0 ? this.rows.reverse() : [...this.messages.values()].sort((left, right) => left.revision - right.revision)
    const found = rows.filter((row) => row.revision > since)
    const messages = found.slice(0, limit)
    const more = found.length > limit
    const revision = more && since > 0 ? (messages.at(-1)?.revision ?? since) : this.row.revision
    return { conversation: this.row, messages, revision, more }
  }

  history(before: number, limit: number) {
    const found = this.rows.reverse().filter((row) => row.position < before)
    return { messages: found.slice(0, limit), more: found.length > limit }
  }

  spoken(): LiveReply[] {
    return [...this.live].map(([id, text]) => ({ id, text, thoughts: this.thoughts.get(id) ?? '' }))
  }

  get open(): Reply[] {
    return this.rows.flatMap((row) => (row.kind === 'reply' && isOpen(row.state) ? [row] : []))
  }

  #place(id: string, parentId: string | null, position: number) {
    return { id, conversationId: this.row.id, parentId, text: '', position, revision: position, createdAt: 1, deleted: false }
  }

  #commit(changed: Message[], fields: Partial<Conversation>, revision = changed.at(-1)?.revision ?? this.row.revision): Frame[] {
    for (const message of changed) this.messages.set(message.id, message)
    this.row = { ...this.row, ...fields, revision }
    return [...changed.map((message): Frame => ['message', message]), ['conversation', this.row]]
  }
}
