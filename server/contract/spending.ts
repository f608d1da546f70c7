import { type Static, Type } from '@sinclair/typebox'
import { Author, Id, nullable, oneOf, Person, strict, Time } from './records.ts'

const Amount = Type.Integer({ minimum: 0, maximum: 2_000_000_000 })

/** What the model may cost. Tokens as the provider counts them; a day begins at midnight UTC; null: no bound. */
export const Budget = strict({
  personDayTokens: nullable(Amount),
  roomDayTokens: nullable(Amount),
  /** Of all people and rooms together: whoever comes by an invitation adds to no more than this. */
  serverDayTokens: nullable(Amount),
  /** Of all guests together: the one bound that is there before the owner has set any. */
  guestsDayTokens: nullable(Amount),
  /** Questions of one person to the model within a minute; those above it wait. */
  personMinuteRequests: nullable(Type.Integer({ minimum: 1, maximum: 1_000 })),
})
export type Budget = Static<typeof Budget>

/** What was used on one day by one person in one room with one model. */
export const UsageRow = strict({
  /** `2026-11-22`, UTC. */
  day: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
  person: Author,
  /** The title as it is now; empty for a room that the reader may not see. */
  conversation: strict({ id: Id, title: Type.String() }),
  model: Type.String(),
  calls: Amount,
  prompt: Amount,
  output: Amount,
  total: Amount,
})
export type UsageRow = Static<typeof UsageRow>

/** A person as the owner of the server sees them. */
export const PersonRow = strict({
  person: Person,
  createdAt: Time,
  seenAt: nullable(Time),
  disabled: Type.Boolean(),
  rooms: Amount,
  /** Their own bound; null: the server's. */
  dayTokens: nullable(Amount),
  tokensToday: Amount,
  sessions: Type.Array(strict({ id: Id, label: Type.String(), createdAt: Time, seenAt: Time })),
})
export type PersonRow = Static<typeof PersonRow>

/** A room as the owner of the server sees it who need not be in it: counts, no contents. */
export const RoomRow = strict({
  id: Id,
  createdAt: Time,
  updatedAt: Time,
  owner: nullable(Author),
  people: Amount,
  messages: Amount,
  tokensToday: Amount,
})
export type RoomRow = Static<typeof RoomRow>

export const Health = strict({
  version: Type.String(),
  startedAt: Time,
  database: oneOf('embedded', 'postgres', 'neon'),
  model: Type.String(),
  demo: Type.Boolean(),
  sockets: Amount,
  running: Amount,
  queued: Amount,
  memoryBytes: Type.Integer({ minimum: 0 }),
})
export type Health = Static<typeof Health>
