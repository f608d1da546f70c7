import { os, type Parts } from './router.ts'

export function modelProcedures({ models }: Parts) {
  return { list: os.model.list.handler(() => models.list()) }
}
