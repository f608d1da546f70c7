import { getTableColumns, sql } from 'drizzle-orm'
import { bigint, boolean, date, doublePrecision, index, integer, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core'
import { changed, json, time } from './columns.ts'
import { ofPerson, person } from './people-schema.ts'
import { searched, searchedText } from './searched.ts'
import type { AnswerRule, Budget, Failure, Link, PersonMessage, Reply, ReplyState, Role, Thinking, Thoughts, Usage } from '#contract'

/*
 * Indexes are plain ascending ones: drizzle's desc() emits NULLS LAST, which PostgreSQL does not use for ORDER BY … DESC.
 * Nothing here is an enum type: a value more must not need a table lock.
 */

export { passkey, person, preset, session } from './people-schema.ts'

/** Of a row that goes with its room. */
const ofRoom = () => uuid().references(() => conversation.id, { onDelete: 'cascade' })

export const link = pgTable(
  'link',
  {
    id: uuid().primaryKey(),
    /** SHA-256 of the token in the link's fragment, in hex. */
    tokenHash: text().notNull().unique('link_token'),
    kind: text().$type<Link['kind']>().notNull(),
    /** Whose other device a `device` link signs in. */
    personId: ofPerson(),
    conversationId: ofRoom(),
    role: text().$type<Role>(),
    label: text().notNull().default(''),
    usesLeft: integer(),
    expiresAt: time(),
    revokedAt: time(),
    createdBy: uuid().references(() => person.id),
    createdAt: time().notNull().defaultNow(),
  },
  (table) => [index().on(table.conversationId)],
)

export const conversation = pgTable(
  'conversation',
  {
    id: uuid().primaryKey(),
    revision: integer().notNull(),
    title: text().notNull().default(''),
    /**
     * Where its title comes from. `open`: nobody has chosen one, and a model may be asked; `asked`: it was, and is never again; `settled`: a person has
     * chosen it, or nobody knows.
     */
    titling: text().$type<'open' | 'asked' | 'settled'>().notNull().default('settled'),
    model: text(),
    instructions: text().notNull().default(''),
    temperature: doublePrecision(),
    thinking: text().$type<Thinking>(),
    answer: text().$type<AnswerRule>().notNull().default('always'),
    guestsAsk: boolean().notNull().default(true),
    dayTokens: integer(),
    /** Messages ever made. */
    count: integer().notNull().default(0),
    headId: uuid(),
    /** The reply that is being written; at most one at a time. */
    runningId: uuid(),
    lastName: text(),
    lastText: text(),
    createdBy: uuid()
      .notNull()
      .references(() => person.id),
    createdAt: time().notNull().defaultNow(),
    updatedAt: time().notNull().defaultNow(),
    deletedAt: time(),
    changed: changed().notNull(),
  },
  (table) => [index().on(table.changed)],
)

export const member = pgTable(
  'member',
  {
    conversationId: ofRoom().notNull(),
    personId: ofPerson().notNull(),
    role: text().$type<Role>().notNull(),
    /** How many of the room's messages this person has read. */
    read: integer().notNull().default(0),
    /** The link by which they came. */
    viaLinkId: uuid().references(() => link.id, { onDelete: 'set null' }),
    joinedAt: time().notNull().defaultNow(),
    changed: changed().notNull(),
  },
  (table) => [primaryKey({ columns: [table.conversationId, table.personId] }), index().on(table.personId)],
)

/** How somebody keeps a room in their list. It outlives their leaving, emptied, so that its version never goes back. */
export const arrangement = pgTable(
  'arrangement',
  {
    personId: ofPerson().notNull(),
    conversationId: ofRoom().notNull(),
    pin: doublePrecision(),
    archived: boolean().notNull().default(false),
    tags: json<string[]>().notNull(),
    version: integer().notNull(),
    changed: changed().notNull(),
  },
  (table) => [primaryKey({ columns: [table.personId, table.conversationId] })],
)

/** Who was in a room and is not any more: their browsers have to hear of it, also those that were switched off at the time. */
export const departure = pgTable(
  'departure',
  {
    conversationId: ofRoom().notNull(),
    personId: ofPerson().notNull(),
    /** True when an owner of the room has decided it: invitations from before that time do not bring them back. */
    removed: boolean().notNull(),
    at: time().notNull().defaultNow(),
    changed: changed().notNull(),
  },
  (table) => [primaryKey({ columns: [table.conversationId, table.personId] }), index().on(table.personId)],
)

export const message = pgTable(
  'message',
  {
    id: uuid().primaryKey(),
    conversationId: ofRoom().notNull(),
    parentId: uuid(),
    kind: text().$type<PersonMessage['kind'] | Reply['kind']>().notNull(),
    /** The person who wrote it, or who asked for the reply. */
    authorId: uuid().references(() => person.id),
    text: text().notNull(),
    /** Made by the database, and read by nothing but its index: it may be longer than the text. */
    searched: searchedText().generatedAlwaysAs(searched(sql.identifier('text'))),
    position: integer().notNull(),
    revision: integer().notNull(),
    /** Of a reply: its state; of a person's message null. */
    state: text().$type<ReplyState>(),
    model: text(),
    wantedModel: text(),
    usage: json<Usage>(),
    thoughts: json<Thoughts>(),
    /** Messages that did not fit into the request. */
    omitted: integer().notNull().default(0),
    failure: json<Failure>(),
    retryAt: time(),
    truncated: boolean().notNull().default(false),
    stoppedById: uuid().references(() => person.id),
    createdAt: time().notNull().defaultNow(),
    finishedAt: time(),
    deletedAt: time(),
  },
  (table) => [
    unique('message_position').on(table.conversationId, table.position),
    index().on(table.conversationId, table.revision),
    index().on(table.parentId),
    index('message_searched').using('gin', table.searched),
    // The few replies that are not finished are all that a start has to look at.
    index('message_open')
      .on(table.state)
      .where(sql`${table.state} in ('queued', 'streaming')`),
  ],
)

const { searched: _, ...readable } = getTableColumns(message)
/** The columns of a message that are to be read. */
export const messageColumns = readable

/** What the model has cost, added up: the sums are those that the provider reported (where it did not, an estimate: see `Usage`), also when rooms are gone. */
export const usage = pgTable(
  'usage',
  {
    /** UTC. */
    day: date({ mode: 'string' }).notNull(),
    personId: uuid()
      .notNull()
      .references(() => person.id),
    conversationId: uuid().notNull(),
    model: text().notNull(),
    calls: integer().notNull(),
    prompt: bigint({ mode: 'number' }).notNull(),
    output: bigint({ mode: 'number' }).notNull(),
    total: bigint({ mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.day, table.personId, table.conversationId, table.model] }),
    index().on(table.day, table.conversationId),
  ],
)

/** What has been carried out: repeated after a lost answer, it must not undo what somebody else has done since. */
export const operation = pgTable('operation', {
  id: uuid().primaryKey(),
  personId: ofPerson().notNull(),
  at: time().notNull().defaultNow(),
})

/** What the owner has set for the whole server. */
export const setting = pgTable('setting', {
  key: text().$type<'budget'>().primaryKey(),
  value: json<Budget>().notNull(),
})
