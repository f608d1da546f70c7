import { Type } from '@sinclair/typebox'
import { LIMITS } from './limits.ts'
import { Link, LinkLabel, Member, Session, Token } from './people.ts'
import { nothing, procedure } from './procedure.ts'
import { Defaults, Id, nullable, oneOf, Person, Role, strict } from './records.ts'

const name = Type.String({ minLength: 1, maxLength: LIMITS.nameLength, format: 'visible' })
const lastsMs = nullable(Type.Integer({ minimum: 60_000, maximum: LIMITS.linkMs }))
const secret = { id: Id, token: Token }

export const session = {
  me: procedure(
    nothing,
    strict({
      person: Person,
      /** The session of the socket that asks. */
      sessionId: Id,
      version: Type.String(),
      model: Type.String(),
      demo: Type.Boolean(),
    }),
  ),
  /** What the others call the caller. */
  rename: procedure(strict({ name }), Person),
  /** What rooms begin with that the caller makes from now on; the frame `defaults` tells all their tabs. */
  setDefaults: procedure(
    strict({
      model: Type.Optional(nullable(Type.String({ minLength: 1, maxLength: LIMITS.modelLength }))),
      instructions: Type.Optional(Type.String({ maxLength: LIMITS.instructionsLength })),
    }),
    Defaults,
  ),
  list: procedure(nothing, strict({ sessions: Type.Array(Session) })),
  /** Signs a browser of the caller out: its sockets are closed at once. One that is gone is signed out. */
  revoke: procedure(strict({ id: Id }), nothing),
}

/** Who is in a room is told by `conversation.join` and the frame `people`. Everything here answers the people as they are then. */
export const member = {
  /** By an owner of the room. `owner` hands the room over: the caller becomes a participant. */
  update: procedure(strict({ conversationId: Id, personId: Id, role: Role }), strict({ people: Type.Array(Member) })),
  /** By an owner of the room, or by oneself: leaving. Somebody who is not in the room is gone already. */
  remove: procedure(strict({ conversationId: Id, personId: Id }), nothing),
}

/** Idempotent by id; the client makes the secret, so that a repeated call makes the same link. */
export const link = {
  /** By an owner of the room. Who opens `/enter#<token>` and says a name is in. */
  invite: procedure(
    strict({
      ...secret,
      conversationId: Id,
      role: oneOf('participant', 'viewer'),
      label: LinkLabel,
      uses: nullable(Type.Integer({ minimum: 1, maximum: LIMITS.linkUses })),
      lastsMs,
    }),
    Link,
  ),
  /** For another browser of the caller: `/enter#<token>`, once, within two minutes. */
  device: procedure(strict(secret), Link),
  /** By an owner of the room: whoever has `/s/<token>` may read it, without its notes. */
  share: procedure(strict({ ...secret, conversationId: Id, label: LinkLabel, lastsMs }), Link),
  /** Those of a room that still work, for its owners. */
  list: procedure(strict({ conversationId: Id }), strict({ links: Type.Array(Link) })),
  /** It opens nothing from now on, and readers of a share are closed. `people`: those who came by it have to leave, too. */
  revoke: procedure(strict({ id: Id, people: Type.Boolean() }), nothing),
}

/** In memory only, but for what has been read. */
export const presence = {
  /** The room that this tab shows to somebody; null: none. */
  look: procedure(strict({ conversationId: nullable(Id) }), nothing),
  typing: procedure(strict({ conversationId: Id }), nothing),
  /** Never goes back. */
  read: procedure(strict({ conversationId: Id, count: Type.Integer({ minimum: 0 }) }), nothing),
}
