import { afterAll, beforeAll, expect, test } from 'bun:test'
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '#contract'
import { calmly } from '../support/calmly.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { random } from '../support/emulator-text.ts'
import { eventually } from '../support/eventually.ts'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

/*
 * The embedded database and the journals on a disk that is full: nothing that was acknowledged is lost, nothing else pretends to be, and all goes
 * on when there is room. The disk is a small file system in memory, which only root may mount.
 */

const DISK = '96m'
const disk = mkdtempSync(join(tmpdir(), 'confab-disk-'))
const mounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk]).success
const onDisk = test.skipIf(!mounted)

let emulator: Emulator
let server: TestServer
let cookie = ''
let ada: TestClient
let conversationId = ''
const acknowledged = new Map<string, string>()
const dice = random(7)

beforeAll(async () => {
  if (!mounted) return
  emulator = await startEmulator()
  server = await startServer({ dataDir: join(disk, 'data'), env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  cookie = (await enter(server)).cookie
  ada = await connect(server, cookie)
  conversationId = newId()
  await ada.rpc.conversation.create({ id: conversationId })
  await ada.join(conversationId)
}, 60_000)

afterAll(async () => {
  if (mounted) {
    await server.stop()
    await emulator.stop()
    Bun.spawnSync(['umount', '-l', disk])
  }
  rmSync(disk, { recursive: true, force: true })
}, 30_000)

const freeBytes = () => {
  const { bavail, bsize } = statfsSync(disk)
  return bavail * bsize
}

/** Takes all room but so much, as some other program might. */
function fill(leaveBytes: number): void {
  const file = openSync(join(disk, 'filler'), 'a')
  const block = Buffer.alloc(4_096)
  try {
    while (freeBytes() > leaveBytes) writeSync(file, block)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  } finally {
    closeSync(file)
  }
}
const makeRoom = () => rmSync(join(disk, 'filler'))

type Note = { id: string; conversationId: string; text: string; kind: 'note'; replyId: string }

/** A text that cannot be compressed, of about 180 kB. */
function largeNote(): Note {
  const text = Array.from({ length: 60_000 }, () => String.fromCodePoint(0x4e00 + Math.floor(dice() * 20_000))).join('')
  return { id: newId(), conversationId, text, kind: 'note', replyId: newId() }
}

async function send(note: Note): Promise<void> {
  await calmly(() => ada.rpc.message.send(note))
  acknowledged.set(note.id, note.text)
}

/** Sends until it is refused, and returns what was. */
async function sendUntilRefused(): Promise<Note> {
  for (let count = 0; count < 100; count++) {
    const note = largeNote()
    const code = await send(note).then(
      () => null,
      (error: { code: string }) => error.code,
    )
    if (code === null) continue
    expect(code).toBe('UNAVAILABLE')
    return note
  }
  throw new Error('the disk was never full')
}

const isWell = async () => (await fetch(new URL('/healthz', server.url))).status === 200

async function expectAllThere(client: TestClient): Promise<void> {
  const found = new Map<string, string>()
  for (let since = 1, more = true; more;) {
    const page = await calmly(() => client.rpc.conversation.pull({ id: conversationId, since, limit: 50 }))
    for (const { id, text, kind } of page.messages) if (kind === 'note') found.set(id, text)
    since = page.revision
    more = page.more
  }
  expect([...found.keys()].sort()).toEqual([...acknowledged.keys()].sort())
  for (const [id, text] of acknowledged) expect(found.get(id) === text).toBe(true)
}

onDisk(
  'a disk without room: sends wait, rooms are read, the running answer ends with what was seen of it',
  async () => {
    await send(largeNote())
    const replyId = newId()
    const text = '[[chunks=600 every=20 units=60000]] until the disk is full'
    await ada.rpc.message.send({ id: newId(), conversationId, text, kind: 'prompt', replyId })
    await ada.hearText(replyId, (heard) => heard.length > 300)
    fill(0)
    const lost = await sendUntilRefused()
    fill(0)
    await emulator.waitForDisconnect(({ prompt }) => prompt === text)
    expect(await isWell()).toBe(false)
    expect((await ada.rpc.conversation.pull({ id: conversationId, since: 0, limit: 10 })).messages.length).toBeGreaterThan(0)
    expect(server.logs()).toMatch(/"reason":"[^"]*no space left on device/i)
    makeRoom()
    const { row, text: seen } = await ada.hearEnd(replyId)
    expect(row).toMatchObject({ state: 'failed', failure: { code: 'internal' }, text: seen })
    expect(seen.length).toBeGreaterThan(300)
    expect(await isWell()).toBe(true)
    await send(lost)
    await expectAllThere(ada)
  },
  60_000,
)

onDisk(
  'a disk without room for the database’s log: its process ends, and comes back with everything when there is room',
  async () => {
    fill(12 * 1024 * 1024)
    const lost = await sendUntilRefused()
    await eventually(() => server.logs().includes('database.process-ended'))
    expect(await isWell()).toBe(false)
    makeRoom()
    const start = performance.now()
    await eventually(isWell, 20_000)
    console.log(`${acknowledged.size} notes, well again ${Math.round(performance.now() - start)} ms after there was room`)
    await send(lost)
    await expectAllThere(ada)
    await server.restart()
    await expectAllThere(await connect(server, cookie))
  },
  90_000,
)
