import { os, type Parts } from './router.ts'

export function sessionProcedures({ model, version }: Parts) {
  return {
    me: os.session.me.handler(({ context }) => ({
      person: context.socket.data.person,
      version,
      model: model.name,
      demo: model.demo,
    })),
  }
}
