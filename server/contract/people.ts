import { type Static, Type } from '@sinclair/typebox'
import { LIMITS } from './limits.ts'
import { Author, Id, nullable, oneOf, Person, Role, strict, Time } from './records.ts'

/** Somebody in a room, as the others see them. */
export const Member = strict({
  person: Person,
  role: Role,
  /** Whether one of their tabs shows the room now. */
  here: Type.Boolean(),
  /** When they were last here; null: not since the server knows. */
  seenAt: nullable(Time),
  /** How many of the room's messages they have read: see `count` of the conversation. */
  read: Type.Integer({ minimum: 0 }),
})
export type Member = Static<typeof Member>

/** What a room is to one person. */
export const Membership = strict({ conversationId: Id, role: Role, read: Type.Integer({ minimum: 0 }) })
export type Membership = Static<typeof Membership>

/** A word by which a person finds rooms again. */
export const Tag = Type.String({ minLength: 1, maxLength: LIMITS.tagLength, format: 'visible' })
const arrangement = {
  /** The place among the pinned rooms, the lowest first; null: not pinned. */
  pin: nullable(Type.Number({ minimum: -LIMITS.pinPlace, maximum: LIMITS.pinPlace })),
  archived: Type.Boolean(),
  tags: Type.Array(Tag, { maxItems: LIMITS.tagsPerRoom, uniqueItems: true }),
}

/** How one person keeps a room in their own list: nobody else sees it. A room without one is neither pinned nor archived, and has no tags. */
export const Arrangement = strict({
  conversationId: Id,
  ...arrangement,
  /** Of two that a client has heard of, the one with the higher version is newer. */
  version: Type.Integer({ minimum: 0 }),
})
export type Arrangement = Static<typeof Arrangement>
export const ArrangementFields = Type.Partial(strict(arrangement), { additionalProperties: false })

/** 256 random bits as base64url, made by the client: a repeated call then makes the same link, and only its SHA-256 is ever stored. */
export const Token = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })
export const LinkLabel = Type.String({ maxLength: LIMITS.linkLabelLength })

/** A capability. Its secret is known to whoever made it, and to nobody since. */
export const Link = strict({
  id: Id,
  kind: oneOf('claim', 'device', 'invite', 'share'),
  /** The room that an invitation or a share opens. */
  conversationId: nullable(Id),
  role: nullable(Role),
  label: LinkLabel,
  /** null: any number. */
  usesLeft: nullable(Type.Integer({ minimum: 0 })),
  /** null: until it is revoked. */
  expiresAt: nullable(Time),
  createdAt: Time,
  createdBy: nullable(Author),
})
export type Link = Static<typeof Link>

/** A signed-in browser. */
export const Session = strict({
  id: Id,
  /** The browser's user agent. */
  label: Type.String(),
  createdAt: Time,
  seenAt: Time,
  /** The one that asks. */
  current: Type.Boolean(),
})
export type Session = Static<typeof Session>
