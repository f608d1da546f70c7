import { adminProcedures } from './admin.ts'
import { branchProcedures } from './branches.ts'
import { conversationProcedures } from './conversation.ts'
import { linkProcedures } from './link.ts'
import { memberProcedures } from './member.ts'
import { messageProcedures } from './message.ts'
import { passkeyProcedures } from './passkey.ts'
import { presenceProcedures } from './presence.ts'
import { replyProcedures } from './reply.ts'
import { modelProcedures } from './model.ts'
import { presetProcedures } from './preset.ts'
import { os, type Parts } from './router.ts'
import { searchProcedures } from './search.ts'
import { sessionProcedures } from './session.ts'
import { usageProcedures } from './usage.ts'

/** Everything that a client may ask, bound to the parts it works with. */
export function createRouter(parts: Parts) {
  const { fork, ...branches } = branchProcedures(parts)
  return os.router({
    session: sessionProcedures(parts),
    conversation: { ...conversationProcedures(parts), fork },
    message: { ...messageProcedures(parts), ...branches },
    reply: replyProcedures(parts),
    presence: presenceProcedures(parts),
    search: searchProcedures(parts),
    model: modelProcedures(parts),
    preset: presetProcedures(parts),
    usage: usageProcedures(parts),
    admin: adminProcedures(parts),
    member: memberProcedures(parts),
    link: linkProcedures(parts),
    passkey: passkeyProcedures(parts),
  })
}
