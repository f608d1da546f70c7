import { Kind, OptionalKind, type TSchema } from '@sinclair/typebox'
import fc from 'fast-check'

/** A procedure's path and the TypeBox schema of its input. */
export type Procedure = { readonly path: string; readonly input: TSchema }

/** Every procedure of a contract, as `/conversation/join`. */
export function proceduresOf(router: object, path = ''): Procedure[] {
  return Object.entries(router).flatMap(([name, value]: [string, object]) => {
    const inside = `${path}/${name}`
    if (!('~orpc' in value)) return proceduresOf(value, inside)
    // What `procedure()` of the contract has put there.
    const { inputSchema } = value['~orpc'] as { inputSchema: { typebox: TSchema } }
    return [{ path: inside, input: inputSchema.typebox }]
  })
}

/** Inputs around a schema: a proper one, most often with one thing about it that is not as it should be. `ids` are of things that exist. */
export function nearMisses(schema: TSchema, ids: readonly string[]): fc.Arbitrary<unknown> {
  const id = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...ids) }, { weight: 1, arbitrary: fc.uuid({ version: 7 }) })
  const proper = properOf(schema, id)
  return fc.oneof(
    { weight: 1, arbitrary: proper },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
    { weight: 8, arbitrary: fc.tuple(proper, fc.nat(), odd).map(([value, at, other]) => spoil(value, at, other)) },
  )
}

function properOf(schema: TSchema, id: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  switch (schema[Kind]) {
    case 'Object': {
      const properties: Record<string, TSchema> = schema.properties
      const requiredKeys = Object.keys(properties).filter((key) => properties[key]?.[OptionalKind] !== 'Optional')
      const fields = Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, properOf(inner, id)]))
      return fc.record(fields, { requiredKeys })
    }
    case 'Union':
      return fc.oneof(...schema.anyOf.map((inner: TSchema) => properOf(inner, id)))
    case 'Literal':
      return fc.constant(schema.const)
    case 'Null':
      return fc.constant(null)
    case 'Boolean':
      return fc.boolean()
    case 'Integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? Number.MAX_SAFE_INTEGER })
    case 'Number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? Number.MAX_SAFE_INTEGER, noNaN: true })
    case 'Array':
      return fc.array(properOf(schema.items, id), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 4, 4) })
    case 'String':
      if (schema.format === 'uuid') return id
      if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern))
      return fc
        .string({ unit: 'binary', minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 60, 60) })
        .map((text) => text.slice(0, schema.maxLength))
  }
  throw new Error(`No inputs are made for a schema of the kind ${schema[Kind]} yet`)
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    '',
    '\0',
    '\uD800',
    'x'.repeat(70_000),
    'NaN',
    -1,
    0,
    0.5,
    1e308,
    2 ** 53,
    -0,
    2_147_483_648,
    '00000000-0000-0000-0000-000000000000',
    '0198A1B2-0000-7000-8000-000000000000',
    "' or 1=1 --",
    [],
    {},
    [[]],
    true,
    { toString: 1 },
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is odd about it
    { then: 1 },
  ),
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary' }),
)
const NAMES = ['__proto__', 'constructor', 'toString', 'then', 'json', 'meta', '', 'id ', 'ID', '\0']

/** One change: a field that is missing, more, renamed, or of another value. */
function spoil(value: unknown, at: number, other: unknown): unknown {
  if (typeof value !== 'object' || value === null) return other
  const entries = Object.entries(value)
  const index = entries.length === 0 ? 0 : at % entries.length
  const [key = 'id', inner = null] = entries[index] ?? []
  const rest = entries.filter((_, number) => number !== index)
  // Through entries, since an assignment to `__proto__` sets no field.
  switch (Math.floor(at / 7) % 5) {
    case 0:
      return Object.fromEntries(rest)
    case 1:
      return Object.fromEntries([...entries, [NAMES[at % NAMES.length], other]])
    case 2:
      return Object.fromEntries([...rest, [`${key}s`, inner]])
  }
  return Object.fromEntries([...rest, [key, other]])
}
