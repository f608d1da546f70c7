import * as fc from 'fast-check'
import type { ModelFault } from './model-answers.ts'

/** What happens, and for how long everything runs on after it. Numbers choose among what there is, modulo its count. */
export type Operation = { readonly waitMs: number } & (
  | { readonly kind: 'send' | 'note' | 'create' | 'rename' | 'remove' | 'retry' | 'discard' | 'rebuild'; readonly tab: number }
  | {
      readonly kind: 'stop' | 'resume' | 'go' | 'edit' | 'regenerate' | 'select' | 'fork' | 'keep' | 'take back'
      readonly tab: number
      readonly which: number
    }
  | { readonly kind: 'reload' | 'cut' | 'go silent' | 'release' | 'online'; readonly tab: number }
  | { readonly kind: 'hold'; readonly tab: number; readonly direction: 'toClient' | 'toServer' }
  | { readonly kind: 'offline'; readonly tab: number; readonly state: 'refusing' | 'swallowing' }
  | { readonly kind: 'freeze' | 'close'; readonly tab: number; readonly ms: number }
  | { readonly kind: 'fate'; readonly tab: number; readonly frame: 'message' | 'delta' | 'thought'; readonly fate: 'dropped' | 'doubled' }
  | { readonly kind: 'crash'; readonly effects: number; readonly downMs: number }
  | { readonly kind: 'database'; readonly state: 'away' | 'stalled'; readonly ms: number }
  | { readonly kind: 'break'; readonly when: 'before' | 'after' }
  | { readonly kind: 'model'; readonly fault: ModelFault }
  | { readonly kind: 'disk full'; readonly ms: number }
  | { readonly kind: 'clock'; readonly ms: number }
)

/** One run from its first moment to its last: `seed` decides everything that the operations leave open. */
export type Schedule = {
  readonly seed: number
  /** Of each person, in how many browsers they are. */
  readonly people: readonly number[]
  /** Of each tab, the browser that it is in. */
  readonly tabs: readonly number[]
  readonly operations: readonly Operation[]
  /** Whether rooms that nobody names have a title looked for; missing in schedules from before there was that. */
  readonly titles?: boolean
  /** Whether the model says what it thinks; missing in schedules from before they were made with it. */
  readonly thoughts?: boolean
}

const tab = fc.nat(4)
const which = fc.nat(5)
const waitMs = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 30 }) },
  { weight: 4, arbitrary: fc.integer({ min: 30, max: 500 }) },
  { weight: 1, arbitrary: fc.integer({ min: 500, max: 4_000 }) },
)
const spellMs = fc.integer({ min: 1, max: 12_000 })

function kinds<const T extends string>(...values: T[]) {
  return fc.constantFrom(...values)
}

// A connection loses nothing without ending. Broadcasts that are lost or come twice are there because the client says that it notices.
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 22, arbitrary: fc.record({ kind: kinds('send'), tab, waitMs }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds('note'), tab, waitMs }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds('create', 'rename'), tab, waitMs }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds('remove', 'retry', 'discard'), tab, waitMs }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('rebuild'), tab, waitMs }) },
  { weight: 6, arbitrary: fc.record({ kind: kinds('stop'), tab, which, waitMs }) },
  { weight: 6, arbitrary: fc.record({ kind: kinds('resume'), tab, which, waitMs }) },
  { weight: 6, arbitrary: fc.record({ kind: kinds('go'), tab, which, waitMs }) },
  { weight: 8, arbitrary: fc.record({ kind: kinds('edit', 'regenerate'), tab, which, waitMs }) },
  { weight: 4, arbitrary: fc.record({ kind: kinds('select'), tab, which, waitMs }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('fork'), tab, which, waitMs }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds('keep'), tab, which, waitMs }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('take back'), tab, which, waitMs }) },
  { weight: 6, arbitrary: fc.record({ kind: kinds('reload'), tab, waitMs }) },
  { weight: 9, arbitrary: fc.record({ kind: kinds('cut', 'go silent', 'release', 'online'), tab, waitMs }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds('hold'), tab, direction: kinds('toClient', 'toServer'), waitMs }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds('offline'), tab, state: kinds('refusing', 'swallowing'), waitMs }) },
  { weight: 4, arbitrary: fc.record({ kind: kinds('freeze', 'close'), tab, ms: spellMs, waitMs }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kinds('fate'),
      tab,
      frame: kinds('message', 'delta', 'thought'),
      fate: kinds('dropped', 'doubled'),
      waitMs,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: kinds('crash'), effects: fc.nat(40), downMs: fc.nat(2_000), waitMs }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds('database'), state: kinds('away', 'stalled'), ms: spellMs, waitMs }) },
  { weight: 4, arbitrary: fc.record({ kind: kinds('break'), when: kinds('before', 'after'), waitMs }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: kinds('model'), fault: kinds('refuses', 'breaks', 'cut', 'silent', 'truncates'), waitMs }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kinds('disk full'), ms: spellMs, waitMs }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('clock'), ms: fc.integer({ min: -86_400_000, max: 86_400_000 }), waitMs }) },
)

/** One to three people in at most two browsers each, two to five tabs, 40 to 120 operations, most often few. */
export const schedules: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.nat(),
  people: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 3 }),
  tabs: fc.oneof(
    { weight: 3, arbitrary: fc.array(fc.nat(5), { minLength: 2, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(fc.nat(5), { minLength: 3, maxLength: 5 }) },
  ),
  operations: fc.oneof(
    { weight: 4, arbitrary: fc.array(operation, { minLength: 40, maxLength: 50, size: 'max' }) },
    { weight: 1, arbitrary: fc.array(operation, { minLength: 50, maxLength: 120, size: 'max' }) },
  ),
  titles: fc.boolean(),
  thoughts: fc.boolean(),
})

/** Schedules of at most the size of `like` and with its seed: where to look for a simpler one. */
export function smaller(like: Schedule): fc.Arbitrary<Schedule> {
  return fc.record({
    seed: fc.constant(like.seed),
    people: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 3 }),
    tabs: fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }),
    operations: fc.array(operation, { maxLength: Math.max(1, like.operations.length), size: 'max' }),
    titles: fc.constant(like.titles === true),
    thoughts: fc.constant(like.thoughts === true),
  })
}
