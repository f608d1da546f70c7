import { drainMicrotasks } from 'bun:jsc'

/*
 * Time and chance of one process, in our hands. A schedule runs without any real waiting: one task after another, in the order of their times,
 * and the microtasks of each before the next. The same seed gives the same run, to the last microtask.
 */
type Task = { at: number; order: number; run: (() => void) | null; unref(): void }

/** What the process had before `install`. */
export const real = { setImmediate: globalThis.setImmediate, now: performance.now.bind(performance), Date: globalThis.Date }

/** 2026-01-01: where the wall clock of every run starts. */
const EPOCH_MS = 1_767_225_600_000

const IMMEDIATE_MS = 0.01

let tasks: Task[] = []
let nowMs = 0
let order = 0
let jumpMs = 0
let state = 1

/** Everything that was scheduled is forgotten; time and chance begin anew. */
export function restart(seed: number): void {
  tasks = []
  nowMs = 0
  order = 0
  jumpMs = 0
  state = seed >>> 0
}

export const now = () => nowMs

/** Between 0 and 1 (mulberry32). */
export function random(): number {
  state = (state + 0x6d2b79f5) >>> 0
  let mixed = state
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}

export const between = (low: number, high: number) => low + random() * (high - low)
export const chance = (probability: number) => random() < probability

/** Somebody sets the clock on the wall. Nothing that waits is moved by it. */
export function jumpClock(ms: number): void {
  jumpMs += ms
}

/** Runs `task` after `delayMs`; the result cancels. */
export function after(delayMs: number, task: () => void): () => void {
  const scheduled = schedule(delayMs, task)
  return () => void (scheduled.run = null)
}

/** Runs everything that is due within `ms`. `settled` is called after each task, with all of its microtasks done. */
export function run(ms: number, settled: () => void): void {
  const until = nowMs + ms
  drainMicrotasks()
  settled()
  while (tasks[0] && tasks[0].at <= until) {
    const { at, run: task } = take()
    if (!task) continue
    nowMs = at
    task()
    drainMicrotasks()
    settled()
  }
  nowMs = until
}

function schedule(delayMs: number, task: () => void): Task {
  const scheduled: Task = { at: nowMs + Math.max(0, delayMs), order: order++, run: task, unref: () => {} }
  let index = tasks.length
  while (index > 0) {
    const parent = (index - 1) >> 1
    const above = tasks[parent]
    if (!above || !before(scheduled, above)) break
    tasks[index] = above
    index = parent
  }
  tasks[index] = scheduled
  return scheduled
}

function take(): Task {
  const [first] = tasks
  const last = tasks.pop()
  if (!first || !last) throw new Error('nothing is scheduled')
  if (tasks.length === 0) return first
  let index = 0
  for (;;) {
    let child = 2 * index + 1
    let below = tasks[child]
    const other = tasks[child + 1]
    if (below && other && before(other, below)) {
      child++
      below = other
    }
    if (!below || !before(below, last)) break
    tasks[index] = below
    index = child
  }
  tasks[index] = last
  return first
}

function before(left: Task, right: Task): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order)
}

class WallDate extends real.Date {
  constructor(...values: [] | [number | string | Date]) {
    super(...((values.length === 0 ? [wallMs()] : values) as [number]))
  }
  static override now(): number {
    return wallMs()
  }
}

function wallMs(): number {
  return Math.floor(EPOCH_MS + nowMs + jumpMs)
}

/** Takes the place of the process's own time and chance, before anything that reads them is loaded. */
export function install(): void {
  const timer = (task: (...values: unknown[]) => void, delayMs?: number, ...values: unknown[]) =>
    schedule(delayMs ?? 0, () => task(...values))
  const cancel = (task: Task | undefined) => {
    if (task) task.run = null
  }
  // Its handle is the task of the next time.
  const repeat = (task: () => void, everyMs: number) => {
    const handle: { next: Task } = { next: schedule(everyMs, again) }
    function again() {
      handle.next = schedule(everyMs, again)
      task()
    }
    return handle
  }
  const places: Record<string, unknown> = {
    setTimeout: timer,
    clearTimeout: cancel,
    setInterval: repeat,
    clearInterval: (handle: { next: Task } | undefined) => cancel(handle?.next),
    // Some time has to pass: whoever waits for others by asking again and again would stop the clock.
    setImmediate: (task: () => void) => schedule(IMMEDIATE_MS, task),
    clearImmediate: cancel,
    Date: WallDate,
    // Dexie tells other realms of every commit by it; all tabs of a run are in this one.
    BroadcastChannel: undefined,
  }
  for (const [name, value] of Object.entries(places)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  Object.defineProperty(Math, 'random', { value: random })
  Object.defineProperty(performance, 'now', { value: now, configurable: true })
  Object.defineProperty(crypto, 'getRandomValues', {
    configurable: true,
    value: (bytes: Uint8Array) => {
      for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(random() * 256)
      return bytes
    },
  })
}
