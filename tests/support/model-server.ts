import { implement, ORPCError } from '@orpc/server'
import { RPCHandler } from '@orpc/server/websocket'
import { contract } from '#contract/procedures'
import { type Frame, newId, type Person } from '#contract'
import { ModelRoom } from './model-room.ts'
import { Line, type ServerEnd } from './pair.ts'

const { session, conversation, message, reply, presence } = contract
/** What it answers: what the sync of a client asks without a person's doing, and what goes through the outbox. */
const SPOKEN = {
  session: { me: session.me },
  conversation: {
    list: conversation.list,
    create: conversation.create,
    update: conversation.update,
    remove: conversation.remove,
    join: conversation.join,
    leave: conversation.leave,
    pull: conversation.pull,
    history: conversation.history,
  },
  message: { send: message.send, withdraw: message.withdraw },
  reply,
  presence,
}

type Connection = { readonly end: ServerEnd; readonly joined: Set<string> }
type Context = { connection: Connection }

/** The wire of the product in memory, for one person: the real contract and the real oRPC, over lines that a test cuts. */
export class ModelServer {
  readonly person: Person = { id: newId(), name: 'Ada', kind: 'owner' }
  /** Of a list since a cursor: rooms that were taken from the person; null: every list is a whole one. */
  gone: string[] | null = null
  readonly rooms = new Map<string, ModelRoom>()
  /** Every call that was carried out or refused, as `procedure id`. */
  readonly calls: string[] = []
  /** May refuse or delay a call before it is carried out. */
  before: (procedure: string, id: string) => void | Promise<void> = () => undefined
  readonly #connections = new Set<Connection>()
  readonly #handler = new RPCHandler<Context>(this.#router())

  /** A line to this server, not connected yet. */
  line(): Line {
    return new Line((end) => {
      const connection: Connection = { end, joined: new Set() }
      this.#connections.add(connection)
      end.addEventListener('close', () => this.#connections.delete(connection))
      this.#handler.upgrade(end, { context: { connection } })
    })
  }

  room(id: string): ModelRoom {
    const room = this.rooms.get(id)
    if (!room) throw new ORPCError('NOT_FOUND', { defined: true, status: 404, data: { what: 'conversation' } })
    return room
  }

  open(): ModelRoom {
    const room = new ModelRoom()
    this.rooms.set(room.row.id, room)
    return room
  }

  /** The room as a backup has it: empty. */
  reopen(id: string): ModelRoom {
    const room = new ModelRoom(id)
    this.rooms.set(id, room)
    return room
  }

  /** Subscribes every connection to a room, as a join does before it reads. */
  subscribe(id: string): void {
    for (const { joined } of this.#connections) joined.add(id)
  }

  /** Broadcasts: rows of rooms to everybody, the rest to those who have joined. */
  publish(conversationId: string, frames: readonly Frame[]): void {
    for (const frame of frames) {
      const text = JSON.stringify(frame)
      for (const { end, joined } of this.#connections) {
        if (frame[0] === 'conversation' || frame[0] === 'gone' || joined.has(conversationId)) end.send(text)
      }
    }
  }

  #replyRoom(replyId: string): ModelRoom {
    for (const room of this.rooms.values()) if (room.messages.has(replyId)) return room
    throw new ORPCError('NOT_FOUND', { defined: true, status: 404, data: { what: 'reply' } })
  }

  #router() {
    const os = implement(SPOKEN)
      .$context<Context>()
      .use(async ({ next, path }, input: unknown) => {
        const id = typeof input === 'object' && input !== null && 'id' in input ? String(input.id) : ''
        const [about] = path[0] === 'presence' && typeof input === 'object' && input !== null ? [Object.values(input).join(' ')] : [id]
        this.calls.push(`${path.join('.')} ${about}`.trim())
        await this.before(path.join('.'), id)
        return next()
      })
    return os.router({
      session: {
        me: os.session.me.handler(() => ({
          person: this.person,
          sessionId: this.person.id,
          version: '0',
          model: 'model',
          demo: false,
        })),
      },
      conversation: {
        list: os.conversation.list.handler(() => ({
          conversations: [...this.rooms.values()].map(({ row }) => row),
          memberships: [...this.rooms.keys()].map((conversationId) => ({ conversationId, role: 'owner', read: 0 })),
          arrangements: [],
          gone: this.gone ?? [],
          defaults: { model: null, instructions: '' },
          cursor: '1',
          complete: this.gone === null,
          more: false,
        })),
        create: os.conversation.create.handler(({ input }) => {
          const room = this.rooms.get(input.id) ?? new ModelRoom(input.id)
          this.rooms.set(input.id, room)
          this.publish(input.id, [['conversation', room.row]])
          return room.row
        }),
        update: os.conversation.update.handler(({ input }) => {
          const room = this.room(input.id)
          this.publish(input.id, room.rename(input.title ?? ''))
          return room.row
        }),
        remove: os.conversation.remove.handler(({ input }) => {
          if (this.rooms.delete(input.id)) this.publish(input.id, [['gone', input.id]])
          return {}
        }),
        join: os.conversation.join.handler(({ input, context }) => {
          const room = this.room(input.id)
          context.connection.joined.add(input.id)
          return {
            ...room.page(input.since, input.limit),
            live: room.spoken(),
            people: [{ person: this.person, role: 'owner', here: true, seenAt: null, read: 0 }],
          }
        }),
        leave: os.conversation.leave.handler(({ input, context }) => {
          context.connection.joined.delete(input.id)
          return {}
        }),
        pull: os.conversation.pull.handler(({ input }) => this.room(input.id).page(input.since, input.limit)),
        history: os.conversation.history.handler(({ input }) => this.room(input.id).history(input.before, input.limit)),
      },
      message: {
        send: os.message.send.handler(({ input }) => {
          const room = this.room(input.conversationId)
          if (!room.messages.has(input.id)) {
            this.publish(input.conversationId, room.send(this.person, input.text, input.kind, input.id, input.replyId))
          }
          const message = room.messages.get(input.id)
          const reply = room.messages.get(input.replyId)
          if (!message) throw new Error('the message was not stored')
          return { message, reply: reply?.kind === 'reply' ? reply : null }
        }),
        withdraw: os.message.withdraw.handler(({ input }) => {
          for (const room of this.rooms.values()) {
            if (!room.messages.has(input.id)) continue
            this.publish(room.row.id, room.remove(input.id))
            const withdrawn = room.messages.get(input.id)
            if (withdrawn) return withdrawn
          }
          throw new ORPCError('NOT_FOUND', { defined: true, status: 404, data: { what: 'message' } })
        }),
      },
      presence: {
        look: os.presence.look.handler(() => ({})),
        typing: os.presence.typing.handler(() => ({})),
        read: os.presence.read.handler(() => ({})),
      },
      reply: {
        stop: os.reply.stop.handler(({ input }) => {
          const room = this.#replyRoom(input.id)
          if (room.open.some(({ id }) => id === input.id)) this.publish(room.row.id, room.finish(input.id, 'stopped'))
          return room.reply(input.id)
        }),
        resume: os.reply.resume.handler(({ input }) => {
          const room = this.#replyRoom(input.id)
          if (room.reply(input.id).revision === input.revision) this.publish(room.row.id, room.resume(input.id))
          return room.reply(input.id)
        }),
      },
    })
  }
}
