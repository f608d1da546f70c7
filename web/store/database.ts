import { Dexie, type Table } from 'dexie'
import type { ContractRouterClient } from '@orpc/contract'
import type { contract, Conversation, Defaults, Member, Membership, Message, ModelFacts, Person, Preset } from '#contract'
import type { SendFailure } from '../lib/sentences.ts'
import { rebuild } from './rebuild.ts'
import type { Shelved } from './shelves.ts'

/** Of a person's message, and of a reply that is to be given anew; any other reply is `sent`. */
export type Delivery = 'pending' | 'sent' | 'failed'
export type StoredMessage = Message & {
  delivery: Delivery
  /** Of an unsent version: the message beside which it will stand. */
  beside?: string
}

/** The server's row with the guesses of this device that are not answered yet. `local` until the server has answered `create`. */
export type StoredConversation = Conversation &
  Shelved & {
    origin: 'server' | 'local'
    /** The server's row itself, where the guesses are over it: it shows again when they are answered. */
    beneath?: Conversation
  }

/** What the store holds of a room: `cursor` is the revision up to which it is whole. */
export type Room = {
  id: string
  cursor: number
  /** The lowest position of the unbroken newest range; null while nothing was loaded. */
  oldest: number | null
  /** No older messages exist on the server. */
  complete: boolean
}

type Client = ContractRouterClient<typeof contract>
type CallOf<Name extends string, Procedure extends (input: never) => unknown> = { procedure: Name; input: Parameters<Procedure>[0] }

/** A call that waits for the network; the input is exactly the contract's. */
export type OutboxCall =
  | CallOf<'conversation.create', Client['conversation']['create']>
  | CallOf<'conversation.update', Client['conversation']['update']>
  | CallOf<'conversation.arrange', Client['conversation']['arrange']>
  | CallOf<'conversation.remove', Client['conversation']['remove']>
  | CallOf<'message.send', Client['message']['send']>
  | CallOf<'message.withdraw', Client['message']['withdraw']>
  | CallOf<'message.edit', Client['message']['edit']>
  | CallOf<'message.regenerate', Client['message']['regenerate']>
  | CallOf<'message.select', Client['message']['select']>
  | CallOf<'reply.stop', Client['reply']['stop']>
  | CallOf<'reply.resume', Client['reply']['resume']>

export type OutboxEntry = {
  /** Given by the store; the order in which calls are sent. */
  seq?: number
  conversationId: string
  call: OutboxCall
  state: 'waiting' | 'failed'
  failure: SendFailure | null
  createdAt: number
  /** By this clock it is sent, and not before: until then its person may change their mind. Milliseconds since 1970. */
  notBefore?: number
}

/**
 * `by`: the composer that wrote it, which knows better than the store what it holds; missing when a command did. `at`: when it was typed, in
 * milliseconds since 1970; of a command, a moment after what it has changed.
 */
export type Draft = { conversationId: string; text: string; by?: string; at?: number }
/** `defaults`: missing in what an older page has stored. */
export type Me = { person: Person; version: string; model: string; demo: boolean; defaults?: Defaults }
/** `standard`: what answers where a room names no model; `stale`: the provider could not be asked. */
export type ModelList = { models: readonly ModelFacts[]; standard: string; stale: boolean }
/** `trimmed`: when rows were last given up for want of space. */
export type Fact =
  | { key: 'me'; value: Me }
  | { key: 'list'; value: string }
  | { key: 'trimmed'; value: number }
  | { key: 'models'; value: ModelList }
  | { key: 'presets'; value: readonly Preset[] }
/** When a room was last opened on this device, in milliseconds since 1970. */
export type Reading = { conversationId: string; at: number }
/** `told`: of what this person has read, as much as the server knows of. */
export type StoredMembership = Membership & { told: number }
/** Who is in a room, as the server said last. */
export type Roster = { conversationId: string; people: readonly Member[] }

/**
 * Raised with every change of a table below or of the shape of a row: what can be had from the server again is then rebuilt. `outbox` and
 * `drafts` have to keep their keys, and an older entry its meaning.
 */
const SCHEMA = 4

/** The rows of one person in this browser: a cache of the server, except for `outbox` and `drafts`, which no schema change may drop. */
export class Database extends Dexie {
  declare readonly conversations: Table<StoredConversation, string>
  declare readonly messages: Table<StoredMessage, string>
  declare readonly rooms: Table<Room, string>
  declare readonly outbox: Table<OutboxEntry, number>
  declare readonly drafts: Table<Draft, string>
  declare readonly facts: Table<Fact, Fact['key']>
  declare readonly readings: Table<Reading, string>
  declare readonly memberships: Table<StoredMembership, string>
  declare readonly people: Table<Roster, string>

  constructor(personId: string) {
    // Immutable: rows that did not change keep their identity from one query to the next, so nothing is drawn again for them.
    super(`confab-${personId}`, { cache: 'immutable' })
    this.version(SCHEMA)
      .stores({
        conversations: 'id, updatedAt, [shelf+place], *arranged.tags',
        messages: 'id, [conversationId+position]',
        rooms: 'id',
        outbox: '++seq, conversationId, state',
        drafts: 'conversationId',
        facts: 'key',
        readings: 'conversationId, at',
        memberships: 'conversationId',
        people: 'conversationId',
      })
      .upgrade((transaction) => rebuild(transaction, personId))
  }
}
