import { sql } from 'drizzle-orm'
import { bigint, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { json, time } from './columns.ts'
import type { Person, Preset } from '#contract'

/* Who there is, what they come in by, and what they keep for themselves. */

/** Of a row that goes with its person. */
export const ofPerson = () => uuid().references(() => person.id, { onDelete: 'cascade' })

export const person = pgTable(
  'person',
  {
    id: uuid().primaryKey(),
    name: text().notNull(),
    kind: text().$type<Person['kind']>().notNull(),
    createdAt: time().notNull().defaultNow(),
    disabledAt: time(),
    seenAt: time(),
    /** Tokens a day; null: as the server's budget says. */
    dayTokens: integer(),
    /** Of the rooms that they make; null: what the server's rooms have. */
    defaultModel: text(),
    defaultInstructions: text().notNull().default(''),
  },
  // Two claim links opened in the same moment must not make two owners.
  (table) => [
    uniqueIndex('person_one_owner')
      .on(table.kind)
      .where(sql`${table.kind} = 'owner'`),
  ],
)

export const session = pgTable(
  'session',
  {
    id: uuid().primaryKey(),
    /** SHA-256 of the cookie's value, in hex. */
    tokenHash: text().notNull().unique('session_token'),
    personId: ofPerson().notNull(),
    /** The browser's user agent: what a person recognises the device by. */
    label: text().notNull().default(''),
    createdAt: time().notNull().defaultNow(),
    seenAt: time().notNull().defaultNow(),
    expiresAt: time().notNull(),
  },
  (table) => [index().on(table.personId)],
)

/** Keys on people's devices, by which they sign in: only the public halves are here. */
export const passkey = pgTable(
  'passkey',
  {
    /** The credential's id, base64url. */
    id: text().primaryKey(),
    personId: ofPerson().notNull(),
    /** The host name that it was made for. */
    host: text().notNull(),
    /** COSE, base64url. */
    publicKey: text().notNull(),
    /** How often it was used, as its device counts; many always say 0. */
    counter: bigint({ mode: 'number' }).notNull(),
    transports: json<string[]>().notNull(),
    name: text().notNull(),
    createdAt: time().notNull().defaultNow(),
    usedAt: time(),
  },
  (table) => [index().on(table.personId)],
)

/** What a person has saved to use again: instructions of rooms, and prompts. */
export const preset = pgTable(
  'preset',
  {
    id: uuid().primaryKey(),
    personId: ofPerson().notNull(),
    kind: text().$type<Preset['kind']>().notNull(),
    name: text().notNull(),
    text: text().notNull(),
    createdAt: time().notNull().defaultNow(),
  },
  (table) => [index().on(table.personId)],
)
