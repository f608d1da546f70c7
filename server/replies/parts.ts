import type { Author } from '#contract'
import type { Db } from '../database/open.ts'
import type { Log } from '../log.ts'
import type { Bus } from '../rooms/bus.ts'
import type { Changes } from '../rooms/changes.ts'
import type { Budgets } from './budgets.ts'
import type { Journals } from './journal.ts'
import type { Model } from './model.ts'
import type { Models } from './models.ts'

/** What replies are made with. */
export type ReplyParts = {
  readonly db: Db
  readonly bus: Bus
  readonly changes: Changes
  readonly journals: Journals
  readonly model: Model
  readonly models: Models
  readonly log: Log
  readonly budgets: Budgets
}

/** Which reply, of which room. */
export type Ref = { readonly id: string; readonly conversationId: string }

/** A reply, and who has asked for it. */
export type Asked = Ref & { readonly askedBy: Pick<Author, 'id'> | null }
