import { Type } from '@sinclair/typebox'
import { LIMITS } from './limits.ts'
import { Link } from './people.ts'
import { nothing, procedure } from './procedure.ts'
import { Id, nullable, strict, Time } from './records.ts'
import { Budget, Health, PersonRow, RoomRow, UsageRow } from './spending.ts'

export const usage = {
  /**
   * What the caller has used in the last `days` days, today included, newest first; the owner of the server sees everybody's. `more`: earlier
   * days are left out. `budget`: what holds for the caller.
   */
  report: procedure(
    strict({ days: Type.Integer({ minimum: 1, maximum: LIMITS.usageDays }) }),
    strict({ rows: Type.Array(UsageRow), more: Type.Boolean(), budget: Budget, resetAt: Time }),
  ),
}

/** For the owner of the server; anybody else is FORBIDDEN with `owner`. */
export const admin = {
  overview: procedure(
    nothing,
    strict({
      people: Type.Array(PersonRow),
      rooms: Type.Array(RoomRow),
      links: Type.Array(Link),
      budget: Budget,
      health: Health,
    }),
  ),
  setBudget: procedure(Budget, Budget),
  /** `disabled`: their sockets are closed at once and their links open nothing, until they are enabled again. */
  updatePerson: procedure(
    strict({
      id: Id,
      disabled: Type.Optional(Type.Boolean()),
      dayTokens: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: 2_000_000_000 }))),
    }),
    nothing,
  ),
  revokeSession: procedure(strict({ id: Id }), nothing),
  revokeLink: procedure(strict({ id: Id }), nothing),
}
