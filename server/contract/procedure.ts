import { oc } from '@orpc/contract'
import type { TSchema } from '@sinclair/typebox'
import { errors } from './errors.ts'
import { strict } from './records.ts'
import { standard } from './schema.ts'

/** One thing that a client may ask: what goes in, what comes out, and the closed list of refusals. */
export function procedure<I extends TSchema, O extends TSchema>(input: I, output: O) {
  return oc.errors(errors).input(standard(input)).output(standard(output))
}

export const nothing = strict({})
