import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Thoughts, Usage } from '#contract'
import type { Outcome } from '../database/finishing.ts'

/*
 * One append-only file for every reply that is being written. A line is written before the text in it is shown to anybody, so a killed
 * server can restore exactly what was seen: a plain write() is in the kernel's page cache when it returns. Making the file is also the
 * claim to ask the model: it is made before the call, and a reply that has one is never asked for again after a restart.
 *
 * Only a model that has refused before its first word may be asked again: while that is waited for, the claim is given up.
 *
 * Lines are JSON: a header, one string for each chunk, `{"thoughts":…}` with what it said of its thinking since the line before, `{"used":…}` with what it has cost so far (first an estimate), `{"asked":…}` where the claim is given up or
 * taken again, and at the end how the reply ended. A torn last line is left out.
 */
export type Header = {
  readonly id: string
  readonly conversationId: string
  /** Length of the text that was kept from earlier runs; null: all of it, for the reply ends without being asked for. */
  readonly kept: number | null
}

export type Ending = Omit<Outcome, 'text'>

type Claim = { readonly asked: boolean }

/** `at` in milliseconds since 1970. */
type Ended = { readonly ending: Ending; readonly at: number }

/**
 * What the provider has reported so far, and who it says answers; until then, what the request is thought to cost, and null. `omitted`: of the messages
 * before it, those that did not fit into the request.
 */
export type Used = { readonly usage: Usage; readonly model: string | null; readonly omitted: number }

export interface Journal {
  append(text: string): void
  /** A piece more of them, and how long the model has been thinking. */
  thought(piece: Thoughts): void
  used(used: Used): void
  /** False from a refusal of the model until it is asked again: should the server end in between, the next one may ask. */
  asked: boolean
  /** `at`: the moment of the end, the same as in the reply's row. */
  end(ending: Ending, at: Date): void
  /** Forgets the reply: its row says everything now. */
  remove(): void
}

/** What a server that ended found no time to write to the database. */
export type LeftBehind = Header & {
  readonly text: string
  readonly asked: boolean
  readonly thoughts: Thoughts | null
  readonly used: Used | null
  readonly ending: Ending | null
  /** When it ended; null: it has not. */
  readonly endedAt: Date | null
  remove(): void
}

export interface Journals {
  /** Throws when the reply has a journal already, or when the disk refuses; then there is none. Without `asked` the model has only refused so far. */
  create(header: Header, asked?: boolean): Journal
  left(): LeftBehind[]
}

const SUFFIX = '.journal'

export function openJournals(directory: string): Journals {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  return {
    create(header, claimed = true) {
      const path = join(directory, header.id + SUFFIX)
      const file = openSync(path, 'ax', 0o600)
      let size = 0
      let asked = claimed
      const line = (value: string | Header | Claim | { thoughts: Thoughts } | { used: Used } | Ended) => {
        size = writeAll(file, size, JSON.stringify(value) + '\n')
      }
      const forget = () => {
        closeSync(file)
        unlinkSync(path)
      }
      try {
        line(header)
        if (!asked) line({ asked })
      } catch (error) {
        // A claim that is half made would keep the reply from ever being asked for again.
        forget()
        throw error
      }
      return {
        append: (text) => line(text),
        thought: (thoughts) => line({ thoughts }),
        used: (used) => line({ used }),
        get asked() {
          return asked
        },
        set asked(now) {
          line({ asked: now })
          asked = now
        },
        end: (ending, at) => line({ ending, at: at.getTime() }),
        remove: forget,
      }
    },
    left() {
      return readdirSync(directory)
        .filter((name) => name.endsWith(SUFFIX))
        .map((name) => read(join(directory, name)))
        .filter((found) => found !== null)
    },
  }
}

/** Returns the new size. A full disk may take a part of a line: that part is taken away again, or it would spoil the next one. */
function writeAll(file: number, size: number, line: string): number {
  const bytes = Buffer.from(line)
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done)
  } catch (error) {
    ftruncateSync(file, size)
    throw error
  }
  return size + bytes.length
}

function read(path: string): LeftBehind | null {
  const [first, ...rest] = readFileSync(path, 'utf8').split('\n')
  const remove = () => unlinkSync(path)
  const header = parse<Header>(first ?? '')
  // Killed between making the file and writing its header: nothing was asked, nothing shown.
  if (!header) {
    remove()
    return null
  }
  let text = ''
  let asked = true
  let thoughts: Thoughts | null = null
  let used: Used | null = null
  let ended: Ended | null = null
  for (const line of rest) {
    const value = parse<string | Claim | { thoughts: Thoughts } | { used: Used } | Ended>(line)
    if (typeof value === 'string') text += value
    else if (value && 'asked' in value) asked = value.asked
    else if (value && 'thoughts' in value) thoughts = joined(thoughts, value.thoughts)
    else if (value && 'used' in value) used = value.used
    else if (value) ended = value
  }
  return { ...header, text, asked, thoughts, used, ending: ended?.ending ?? null, endedAt: ended && new Date(ended.at), remove }
}

function joined(before: Thoughts | null, { text, ms }: Thoughts): Thoughts {
  return { text: (before?.text ?? '') + text, ms }
}

// Only this file's own lines are parsed with it.
function parse<T>(line: string): T | null {
  try {
    return JSON.parse(line) as T
  } catch {
    return null
  }
}
