import fc from 'fast-check'
import { LIMITS, newId } from '#contract'
import { contract } from '#contract/procedures'
import { random } from './emulator-text.ts'
import { nearMisses, proceduresOf } from './near-misses.ts'
import { OPCODE, rawFrame, textFrame } from './raw-socket.ts'

/*
 * Frames as no client of ours sends them. The shapes come from fast-check, a few thousand of them; the many come of those by damage, which is quick:
 * so that a hundred thousand take seconds.
 */

const SHAPES = 3_000
const LONG_UNITS = 200_000

/** What a specimen is of, and its bytes on the wire: most often one frame, at times several that belong together. */
export type Specimen = { readonly kind: Kind; readonly bytes: Buffer }

type Make = (dice: () => number, shapes: Shapes) => Buffer
type Shapes = { readonly texts: readonly string[]; readonly envelopes: readonly string[]; readonly calls: readonly string[] }

const below = (dice: () => number, limit: number) => Math.floor(dice() * limit)
const oneOf = <T>(dice: () => number, list: readonly T[], otherwise: T): T => list[below(dice, list.length)] ?? otherwise
const bytesOf = (dice: () => number, most: number) => Buffer.from(Array.from({ length: below(dice, most) }, () => below(dice, 256)))
const text = (dice: () => number, { texts }: Shapes) => oneOf(dice, texts, '{')
const call = (dice: () => number, { calls }: Shapes) => oneOf(dice, calls, '{}')
const envelope = (id: string, json: unknown) => JSON.stringify({ i: id, p: { u: '/conversation/join', b: { json } } })

/** Cut short, with bytes changed, taken out, put in or doubled. */
function damaged(dice: () => number, frame: string): Buffer {
  const bytes = Buffer.from(frame)
  const at = below(dice, bytes.length + 1)
  switch (below(dice, 5)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      if (at < bytes.length) bytes[at] = below(dice, 256)
      return bytes
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(dice, 8))])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytesOf(dice, 8), bytes.subarray(at)])
  }
  return Buffer.concat([bytes.subarray(0, at), bytes])
}

/** A message in pieces, with a ping between some of them. */
function inPieces(dice: () => number, payload: Buffer): Buffer {
  const pieces: Buffer[] = []
  const size = 1 + below(dice, 40)
  for (let at = 0; at < Math.max(1, payload.length); at += size) {
    const final = at + size >= payload.length
    pieces.push(rawFrame({ opcode: at === 0 ? OPCODE.text : OPCODE.continuation, payload: payload.subarray(at, at + size), final }))
    if (!final && dice() < 0.1) pieces.push(rawFrame({ opcode: OPCODE.pong, payload: 'unasked' }))
  }
  return Buffer.concat(pieces)
}

/** What breaks the protocol below that of messages. */
function unlawful(dice: () => number, shapes: Shapes): Buffer {
  const payload = call(dice, shapes).slice(0, 100)
  const all: (() => Buffer)[] = [
    () => rawFrame({ opcode: OPCODE.text, payload, masked: false }),
    () => rawFrame({ opcode: OPCODE.text, payload, reserved: 1 + below(dice, 7) }),
    () => rawFrame({ opcode: 3 + below(dice, 5), payload }),
    () => rawFrame({ opcode: 11 + below(dice, 5), payload }),
    () => rawFrame({ opcode: OPCODE.continuation, payload }),
    () => rawFrame({ opcode: OPCODE.ping, payload: 'x'.repeat(126 + below(dice, 1_000)) }),
    () => rawFrame({ opcode: OPCODE.ping, payload, final: false }),
    () => rawFrame({ opcode: OPCODE.close, payload: oneOf(dice, ['', 'x', '\0\0', '\u0003\u00e8', '\u0003\u00ed'], '') }),
    () => Buffer.concat([rawFrame({ opcode: OPCODE.text, payload: '{', final: false }), textFrame(payload)]),
    () => rawFrame({ opcode: OPCODE.text, declaredBytes: 2n ** 63n + BigInt(below(dice, 1_000)) }),
    () => rawFrame({ opcode: OPCODE.binary, declaredBytes: BigInt(LIMITS.frameBytes + 1 + below(dice, 1_000_000)), payload }),
    // A first byte without the reserved bits could be that of a frame, which would then swallow what comes after it.
    () => Buffer.concat([Buffer.from([0x70 | below(dice, 256)]), bytesOf(dice, 60)]),
  ]
  return oneOf(dice, all, () => Buffer.alloc(0))()
}

/** Deep or long, where a parser may run out of stack or time. */
function extreme(dice: () => number): Buffer {
  const depth = 1 + below(dice, 20_000)
  const nested = dice() < 0.5 ? '['.repeat(depth) + ']'.repeat(depth) : '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
  switch (below(dice, 5)) {
    case 0:
      return textFrame('['.repeat(depth))
    case 1:
      return textFrame(nested)
    case 2:
      return textFrame(`{"i":"1","p":{"u":"/conversation/join","b":{"json":${nested}}}}`)
    case 3:
      return textFrame(envelope('9'.repeat(below(dice, LONG_UNITS)), {}))
  }
  return textFrame(`{"i":"1","p":{"u":"/${'x'.repeat(below(dice, LONG_UNITS))}","b":{"json":${'9'.repeat(500)}}}}`)
}

/** How often of a thousand, and how it is made. Those that are dear to read are rare, and most leave their socket open: a new one is dearer than a frame. */
const KINDS = {
  shape: { of1000: 70, make: (dice, shapes) => textFrame(text(dice, shapes)) },
  'wrong input': { of1000: 500, make: (dice, shapes) => textFrame(call(dice, shapes)) },
  'wrong envelope': { of1000: 200, make: (dice, { envelopes }) => textFrame(oneOf(dice, envelopes, '{}')) },
  damaged: { of1000: 60, make: (dice, shapes) => rawFrame({ opcode: OPCODE.text, payload: damaged(dice, call(dice, shapes)) }) },
  'binary call': {
    of1000: 40,
    make: (dice, shapes) =>
      rawFrame({
        opcode: OPCODE.binary,
        payload: Buffer.concat([Buffer.from(call(dice, shapes)), Buffer.from([0xff]), bytesOf(dice, 40)]),
      }),
  },
  bytes: { of1000: 15, make: (dice) => rawFrame({ opcode: OPCODE.binary, payload: bytesOf(dice, 300) }) },
  'no UTF-8': {
    of1000: 10,
    make: (dice) => rawFrame({ opcode: OPCODE.text, payload: Buffer.concat([Buffer.from('{"i":"'), bytesOf(dice, 40)]) }),
  },
  'in pieces': {
    of1000: 60,
    make: (dice, shapes) => inPieces(dice, dice() < 0.8 ? Buffer.from(call(dice, shapes)) : damaged(dice, call(dice, shapes))),
  },
  unlawful: { of1000: 30, make: unlawful },
  extreme: { of1000: 8, make: extreme },
  'flood of pings': {
    of1000: 5,
    make: (dice) => Buffer.concat(Array.from({ length: 20 + below(dice, 400) }, () => rawFrame({ opcode: OPCODE.ping, payload: 'flood' }))),
  },
  'flood of heartbeats': { of1000: 2, make: (dice) => Buffer.concat(Array.from({ length: 20 + below(dice, 100) }, () => textFrame('p'))) },
} satisfies Record<string, { of1000: number; make: Make }>

export type Kind = keyof typeof KINDS

/** Without end, the same ones for the same seed. */
export function* malformedFrames(seed: number): Generator<Specimen, never> {
  const dice = random(seed)
  const shapes = shapesOf(seed)
  const lots = Object.entries(KINDS).flatMap(([kind, { of1000 }]) => Array.from({ length: of1000 }, () => kind as Kind))
  for (;;) {
    const kind = oneOf(dice, lots, 'shape')
    const make: Make = KINDS[kind].make
    yield { kind, bytes: make(dice, shapes) }
  }
}

/** Near misses of oRPC's frames and of ours, JSON of any kind, text of any kind; and calls of every procedure with wrong inputs. */
function shapesOf(seed: number): Shapes {
  const procedures = proceduresOf(contract)
  const ids = [newId(), newId()]
  const calls = procedures.flatMap(({ path, input }, number) =>
    fc
      .sample(nearMisses(input, ids), { numRuns: Math.ceil(SHAPES / procedures.length), seed: seed + number })
      .map((json) => JSON.stringify({ i: `n${number}`, p: { u: path, b: { json } } })),
  )
  return { texts: fc.sample(shape, { numRuns: SHAPES, seed }), envelopes: fc.sample(envelopeShape, { numRuns: SHAPES, seed }), calls }
}

const anyId = fc.oneof(fc.string(), fc.integer(), fc.constant(null))
const shape = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.json({ maxDepth: 6 }),
  fc.constantFrom(
    '',
    '{',
    '[',
    '[]',
    '["message"]',
    'null',
    '42',
    '"p"',
    '{"i":"1"}',
    '{"i":1,"p":{}}',
    '{"i":"1","t":4}',
    '{"i":"1","t":99,"p":{}}',
    'pp',
    'q',
    '\0',
  ),
  fc
    .record({
      i: anyId,
      t: fc.option(fc.integer({ min: -1, max: 9 }), { nil: undefined }),
      p: fc.option(fc.jsonValue(), { nil: undefined }),
    })
    .map((frame) => JSON.stringify(frame)),
)

/** What can be read as a call, of procedures that do not exist, with methods, headers and bodies that nobody sends. */
const envelopeShape = fc
  .record({
    i: fc.string({ unit: 'binary' }),
    p: fc.record({
      u: fc.oneof(
        fc.string().map((path) => `/${path}`),
        fc.constantFrom(
          '/constructor',
          '/__proto__',
          '/conversation',
          '//evil.example',
          '/conversation/join/../../x',
          '/%ff',
          '/session/me',
        ),
      ),
      m: fc.option(fc.constantFrom('GET', 'DELETE', 'x y', ''), { nil: undefined }),
      h: fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined }),
      b: fc.option(fc.oneof(fc.jsonValue(), fc.record({ json: fc.jsonValue(), meta: fc.jsonValue() })), { nil: undefined }),
    }),
  })
  .map((frame) => JSON.stringify(frame))
