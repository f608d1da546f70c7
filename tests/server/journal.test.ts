import { afterEach, beforeEach, expect, test } from 'bun:test'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '#contract'
import { type Ending, openJournals } from '../../server/replies/journal.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'confab-journal-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const ending: Ending = { state: 'complete', failure: null, truncated: false, stoppedBy: null, usage: null, model: 'm' }
const header = () => ({ id: newId(), conversationId: newId(), kept: 3 })

test('what was appended is found by the next process, to the last unit', () => {
  const made = header()
  const journal = openJournals(directory).create(made)
  const chunks = ['Hello\n', 'wörld "quoted" \\', '👩‍🚀', '\u2028日本\r\n']
  for (const chunk of chunks) journal.append(chunk)
  const [left, ...others] = openJournals(directory).left()
  expect(others).toEqual([])
  expect(left).toMatchObject({ ...made, text: chunks.join(''), ending: null })
  left?.remove()
  expect(readdirSync(directory)).toEqual([])
})

test('how a reply ended is kept until its row is written', () => {
  const journal = openJournals(directory).create(header())
  journal.append('done')
  journal.end(ending, new Date(5))
  expect(openJournals(directory).left()[0]).toMatchObject({ text: 'done', ending, endedAt: new Date(5) })
  journal.remove()
  expect(openJournals(directory).left()).toEqual([])
})

test('the claim to ask is given up while the model refuses, and taken again', () => {
  const journal = openJournals(directory).create(header())
  const left = () => openJournals(directory).left()[0]
  expect([journal.asked, left()?.asked]).toEqual([true, true])
  journal.asked = false
  expect([journal.asked, left()]).toMatchObject([false, { asked: false, text: '', ending: null }])
  journal.asked = true
  journal.append('word')
  expect([journal.asked, left()]).toMatchObject([true, { asked: true, text: 'word', ending: null }])
})

test('a reply that was only refused so far has its journal from the first moment as one that may be asked for', () => {
  const journal = openJournals(directory).create(header(), false)
  expect([journal.asked, openJournals(directory).left()[0]?.asked]).toEqual([false, false])
})

test('a line torn at any byte costs that line and nothing before it', () => {
  const made = header()
  const journal = openJournals(directory).create(made)
  journal.append('first ')
  journal.append('sécond')
  const path = join(directory, `${made.id}.journal`)
  const bytes = readFileSync(path)
  const whole = bytes.length
  const lastLine = Buffer.byteLength(JSON.stringify('sécond') + '\n')
  for (let size = whole - 2; size > whole - lastLine; size--) {
    truncateSync(path, size)
    expect(openJournals(directory).left()[0]?.text).toBe('first ')
    writeFileSync(path, bytes)
  }
})

test('a journal whose header was never written says nothing and is cleared away', () => {
  appendFileSync(join(directory, `${newId()}.journal`), '{"id":"')
  expect(openJournals(directory).left()).toEqual([])
  expect(readdirSync(directory)).toEqual([])
})

test('a reply has one journal: making it is the claim to ask the model', () => {
  const made = header()
  const journals = openJournals(directory)
  journals.create(made)
  expect(() => journals.create(made)).toThrow('EEXIST')
})
