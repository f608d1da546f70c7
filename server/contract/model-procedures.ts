import { Type } from '@sinclair/typebox'
import { LIMITS } from './limits.ts'
import { ModelFacts, Preset, PresetKind } from './models.ts'
import { nothing, procedure } from './procedure.ts'
import { Id, strict } from './records.ts'

export const model = {
  /**
   * The models that may answer in a room, and which one does where a room names none. `stale`: the provider could not be asked; what is missing or has
   * changed since the last answer is not known.
   */
  list: procedure(nothing, strict({ models: Type.Array(ModelFacts), standard: Type.String(), stale: Type.Boolean() })),
}

/** Instructions and prompts that the caller has saved: nobody else can see them. */
export const preset = {
  /** A page of them, by id, behind one of that id. `more`: go on behind the last one. */
  list: procedure(strict({ after: Type.Optional(Id) }), strict({ presets: Type.Array(Preset), more: Type.Boolean() })),
  /** Makes one, instructions if no kind is said, or changes one, which stays what it is. Idempotent by `id`. BUSY when the caller has as many of a kind as one may have. */
  save: procedure(
    strict({
      id: Id,
      kind: Type.Optional(PresetKind),
      name: Type.String({ minLength: 1, maxLength: LIMITS.presetNameLength, format: 'visible' }),
      text: Type.String({ minLength: 1, maxLength: LIMITS.instructionsLength }),
    }),
    Preset,
  ),
  /** What is gone, or was never the caller's, is removed already. */
  remove: procedure(strict({ id: Id }), nothing),
}
