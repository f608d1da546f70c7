import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../database/replies.ts'

/*
 * One append-only file for every reply that is being written. A line is written before the text in it is shown to anybody, so a killed
 * server can restore exactly what was seen: a plain write() is in the kernel's page cache when it returns. Making the file is also the
 * claim to ask the model: it is made before the call, and a reply that has one is never asked for again after a restart.
 *
 * Lines are JSON: a header, one string for each chunk, and at the end how the reply ended. A torn last line is left out.
 */
export type Header = {
  readonly id: string
  readonly conversationId: string
  /** Length of the text that was kept from earlier runs. */ readonly kept: number
}

export type Ending = Omit<Outcome, 'text'>

export interface Journal {
  append(text: string): void
  end(ending: Ending): void
  /** Forgets the reply: its row says everything now. */
  remove(): void
}

/** What a server that ended found no time to write to the database. */
export type LeftBehind = Header & { readonly text: string; readonly ending: Ending | null; remove(): void }

export interface Journals {
  /** Throws when the reply has a journal already, or when the disk refuses. */
  create(header: Header): Journal
  left(): LeftBehind[]
}

const SUFFIX = '.journal'

export function openJournals(directory: string): Journals {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  return {
    create(header) {
      const path = join(directory, header.id + SUFFIX)
      const file = openSync(path, 'wx', 0o600)
      const line = (value: unknown) => writeAll(file, JSON.stringify(value) + '\n')
      const forget = () => {
        closeSync(file)
        unlinkSync(path)
      }
      try {
        line(header)
      } catch (error) {
        // A claim that is half made would keep the reply from ever being asked for again.
        forget()
        throw error
      }
      return {
        append: (text) => line(text),
        end: (ending) => line(ending),
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

// A full disk may take a part of a line; the rest of it throws here rather than being shown without having been kept.
function writeAll(file: number, line: string): void {
  const bytes = Buffer.from(line)
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done)
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
  let ending: Ending | null = null
  for (const line of rest) {
    const value = parse<string | Ending>(line)
    if (typeof value === 'string') text += value
    else if (value) ending = value
  }
  return { ...header, text, ending, remove }
}

// Only this file's own lines are parsed with it.
function parse<T>(line: string): T | null {
  try {
    return JSON.parse(line) as T
  } catch {
    return null
  }
}
