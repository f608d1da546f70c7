import { os, type Parts } from './router.ts'

export function sessionProcedures({ model, version }: Parts) {
  return {
    me: os.session.me.handler(({ context }) => ({
      person: context.socket.data.person,
      sessionId: context.socket.data.sessionId,
      version,
      model: model.name,
      demo: model.demo,
    })),
  }
}
