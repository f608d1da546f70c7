import { label, LIMITS, storable } from '#contract'
import { presetsOf, removePreset, savePreset } from '../database/presets.ts'
import { os, type Parts } from './router.ts'

export function presetProcedures({ db }: Parts) {
  const { preset } = os
  return {
    list: preset.list.handler(({ input: { after }, context }) => presetsOf(db, context.socket.data.person.id, after)),

    save: preset.save.handler(async ({ input: { id, kind = 'instructions', name, text }, context, errors }) => {
      const clean = { id, kind, name: label(name, LIMITS.presetNameLength), text: storable(text) }
      const result = await savePreset(db, context.socket.data.person.id, clean)
      if (result === 'taken') throw errors.CONFLICT({ data: { reason: 'id_taken' } })
      if (result === 'full') throw errors.BUSY({ data: { limit: LIMITS.presets } })
      return result
    }),

    remove: preset.remove.handler(async ({ input: { id }, context }) => {
      await removePreset(db, context.socket.data.person.id, id)
      return {}
    }),
  }
}
