import { type Static, Type } from '@sinclair/typebox'
import { Id, nullable, strict } from './records.ts'

/** What a model can do, as its provider says; null: not said. */
export const ModelFacts = strict({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  /** Tokens that a request may carry, and that an answer may have. */
  inputTokens: nullable(Type.Integer({ minimum: 1 })),
  outputTokens: nullable(Type.Integer({ minimum: 1 })),
  thinking: Type.Boolean(),
  /** What it is warmed by where a room does not say, and by how much it may be; null: it has no temperature. */
  temperature: nullable(Type.Number({ minimum: 0 })),
  maxTemperature: nullable(Type.Number({ minimum: 0, maximum: 2 })),
})
export type ModelFacts = Static<typeof ModelFacts>

/** Instructions to use again, by the name that their person has given them. */
export const Preset = strict({ id: Id, name: Type.String(), text: Type.String() })
export type Preset = Static<typeof Preset>
