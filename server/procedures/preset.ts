import { label, LIMITS, storable } from '#contract'
import { presetsOf, removePreset, savePreset } from '../database/presets.ts'
import { os, type Parts } from './router.ts'

export function presetProcedures({ db }: Parts) {
  const { preset } = os
  return {
    list: preset.list.handler(async ({ context }) => ({ presets: await presetsOf(db, context.socket.data.person.id) })),

    save: preset.save.handler(async ({ input: { id, name, text }, context, errors }) => {
      const clean = { id, name: label(name, LIMITS.presetNameLength), text: storable(text) }
      const result = await savePreset(db, context.socket.data.person.id, clean)
      switch (result) {
        case 'saved':
          return clean
        case 'taken':
          throw errors.CONFLICT({ data: { reason: 'id_taken' } })
        case 'full':
          throw errors.BUSY({ data: { limit: LIMITS.presets } })
      }
    }),

    remove: preset.remove.handler(async ({ input: { id }, context }) => {
      await removePreset(db, context.socket.data.person.id, id)
      return {}
    }),
  }
}
