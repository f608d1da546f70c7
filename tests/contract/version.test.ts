import { expect, test } from 'bun:test'
import type { TSchema } from '@sinclair/typebox'
import { HEARTBEAT, LIMITS, WIRE } from '#contract'
import { contract } from '#contract/procedures'
import { Frame } from '../../server/contract/frames.ts'
import { CLOSE } from '../../server/contract/limits.ts'

/*
 * What every version of the wire looked like. A line is never changed: a wire that differs gets a new number.
 * (Before the first release there are no older clients, so until then the one line may be replaced.)
 */
const WIRES: Record<number, string> = {
  1: 'd0f844bf16f8bdbf',
}

test('the wire is the one that WIRE names', () => {
  const hash = new Bun.CryptoHasher('sha256')
    .update(JSON.stringify(sorted(wire())))
    .digest('hex')
    .slice(0, 16)
  if (hash === WIRES[WIRE]) return
  throw new Error(
    `The contract has changed: its hash is ${hash}, but wire ${WIRE} is ${WIRES[WIRE] ?? 'not listed'}.\n` +
      'Would a page that is open in a browser right now misread it, or send what is no longer understood?\n' +
      `  yes: raise WIRE in server/contract/version.ts to ${WIRE + 1} (and MINIMUM_WIRE, if older pages cannot be served), and add "${WIRE + 1}: '${hash}'" to WIRES here.\n` +
      `  no (only an optional addition): replace the hash of ${WIRE} here by '${hash}', and say why in the commit.`,
  )
})

test('the hash sees a changed input, output, error, frame and limit', () => {
  const whole = JSON.stringify(sorted(wire()))
  for (const part of [
    '"message.send"',
    '"replyId"',
    '"NOT_FOUND"',
    '"delta"',
    '"gone"',
    '"maxLength":64000',
    '"frameBytes"',
    '"live"',
    '"retryAfterMs"',
  ]) {
    expect(whole).toContain(part)
  }
})

function wire() {
  return { procedures: procedures(contract, ''), frames: Frame, limits: LIMITS, heartbeat: HEARTBEAT, close: CLOSE }
}

type Definition = {
  inputSchema: { typebox: TSchema }
  outputSchema: { typebox: TSchema }
  errorMap: Record<string, { status?: number; data?: { typebox: TSchema } }>
}

/** Every procedure by its path, with the plain JSON Schemas behind its validators. */
function procedures(router: object, path: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(router).flatMap(([name, value]: [string, object]) => {
      const inside = path === '' ? name : `${path}.${name}`
      if (!('~orpc' in value)) return Object.entries(procedures(value, inside))
      const { inputSchema, outputSchema, errorMap } = value['~orpc'] as Definition
      const errors = Object.entries(errorMap).map(([code, { status, data }]) => [code, status, data?.typebox ?? null])
      return [[inside, { input: inputSchema.typebox, output: outputSchema.typebox, errors }]]
    }),
  )
}

/** The same value with all keys in order, so that moving a line changes nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
