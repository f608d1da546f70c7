import { Type } from '@sinclair/typebox'
import { LIMITS } from './limits.ts'
import { procedure } from './procedure.ts'
import { Conversation, Id, Message, nullable, Reply, strict } from './records.ts'

/*
 * Versions: siblings under one parent. Nothing is taken away by any of these; the head of the room says which version everybody is shown, and
 * each call answers only after the commit.
 */

export const branches = {
  /**
   * Says a prompt of the caller's own, `of`, in other words: a prompt beside it with a queued reply, where the room's rule has the model answer. The
   * head moves to them. Idempotent by `id`.
   */
  edit: procedure(
    strict({ id: Id, of: Id, text: Type.String({ minLength: 1, maxLength: LIMITS.messageLength }), replyId: Id }),
    strict({ message: Message, reply: nullable(Reply) }),
  ),
  /** Has the model answer once more, beside the reply `of`; `model`: another one than the room's. The head moves to it. Idempotent by `replyId`. */
  regenerate: procedure(
    strict({ replyId: Id, of: Id, model: Type.Optional(Type.String({ minLength: 1, maxLength: LIMITS.modelLength })) }),
    Reply,
  ),
  /** Shows everybody the version `id` with what was said last under it. Repeated with its `operation`, it does not undo what others have chosen since. */
  select: procedure(strict({ id: Id, operation: Type.Optional(Id) }), Conversation),
}

/** A new room of the caller's own with everything up to the message `of`: its path, without notes and removed messages. Idempotent by `id`. */
export const fork = procedure(strict({ id: Id, of: Id }), Conversation)
