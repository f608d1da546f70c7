import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '#contract'
import { adminSocketPath } from '../../server/access/admin-path.ts'
import { connect } from '../support/client.ts'
import { eventually, within } from '../support/eventually.ts'
import { enter, freshLink, spend } from '../support/people.ts'
import { refusedStart, startServer } from '../support/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'confab-start-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** One sentence or two, on one line, and nothing else: no stack, no JSON. */
function sentence(said: string): string {
  const lines = said.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  expect(lines.length, said).toBe(1)
  expect(said).not.toMatch(/^\s+at /m)
  return lines[0] ?? ''
}

describe('a start that cannot work ends with code 1 and a sentence', () => {
  const wrong: [name: string, value: string][] = [
    ['PORT', '70000'],
    ['PORT', 'eighty'],
    ['DATABASE_URL', 'mysql://u:geheim@h/d'],
    ['PUBLIC_URL', 'chat.example.org'],
    ['GEMINI_BASE_URL', 'gopher://x'],
    ['TRUST_PROXY', 'maybe'],
    ['LOG_LEVEL', 'loud'],
    ['TLS_CERT', '/nowhere.pem'],
  ]
  for (const [name, value] of wrong) {
    test(`that names ${name}, when it is ${value}`, async () => {
      const { code, said } = await refusedStart({ env: { [name]: value } })
      expect(code).toBe(1)
      expect(sentence(said)).toContain(name)
      expect(said).not.toContain('geheim')
    }, 20_000)
  }

  test('that names the port, when another program has it', async () => {
    using taken = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const { code, said } = await refusedStart({ port: Number(taken.port) })
    expect(code).toBe(1)
    expect(said).toContain(`Port ${taken.port}`)
  }, 30_000)

  test('that names the data directory, when another server uses it, which goes on', async () => {
    await using server = await startServer()
    const { code, said } = await refusedStart({ dataDir: server.dataDir })
    expect(code).toBe(1)
    expect(sentence(said)).toContain(server.dataDir)
    expect((await fetch(new URL('/healthz', server.url))).status).toBe(200)
  }, 60_000)

  test('that names the database but not its password, when it cannot be reached', async () => {
    const { code, said } = await refusedStart({ env: { DATABASE_URL: 'postgres://ada:geheim@127.0.0.1:1/confab' } })
    expect(code).toBe(1)
    expect(said).toContain('127.0.0.1:1')
    expect(said).not.toContain('geheim')
  }, 30_000)
})

describe('a server that is asked to end', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`by ${signal} closes its sockets, ends with code 0 within 10 s, and has everything when it is back`, async () => {
      const dataDir = join(folder, signal)
      const server = await startServer({ dataDir })
      const { cookie } = await enter(server)
      const client = await connect(server, cookie)
      const conversationId = newId()
      await client.rpc.conversation.create({ id: conversationId, title: 'Kept' })
      const since = performance.now()
      server.signal(signal)
      expect((await client.closed).code).toBe(1001)
      expect(await server.stop()).toBe(0)
      expect(performance.now() - since).toBeLessThan(10_000)

      const again = await startServer({ dataDir, port: server.port })
      const back = await connect(again, cookie)
      expect((await back.rpc.conversation.list({})).conversations).toMatchObject([{ id: conversationId, title: 'Kept' }])
      expect(await again.stop()).toBe(0)
    }, 60_000)
  }

  test('while a reply is being written keeps what was seen of it', async () => {
    const dataDir = join(folder, 'streaming')
    const server = await startServer({ dataDir })
    const { cookie } = await enter(server)
    const client = await connect(server, cookie)
    const [conversationId, replyId] = [newId(), newId()]
    await client.rpc.conversation.create({ id: conversationId })
    await client.join(conversationId)
    await client.rpc.message.send({ id: newId(), conversationId, text: 'Tell me more', kind: 'prompt', replyId })
    await client.hearText(replyId, (text) => text.length > 10)
    expect(await server.stop()).toBe(0)
    await within(client.closed, 1_000, 'The end of the socket')
    const seen = client.texts.get(replyId) ?? ''

    const again = await startServer({ dataDir, port: server.port })
    const back = await connect(again, cookie)
    const { messages } = await back.join(conversationId)
    const reply = messages.find(({ id }) => id === replyId)
    expect(reply?.text.startsWith(seen), reply?.text).toBe(true)
    expect(reply?.kind === 'reply' && reply.state).not.toBe('streaming')
    await again.stop()
  }, 60_000)
})

test('the first start prints a link for the owner, a later one does not, and only this user may ask for another', async () => {
  const dataDir = join(folder, 'links')
  await using server = await startServer({ dataDir, firstStart: true })
  const link = new URL(await server.claimLink())
  expect(link.pathname).toBe('/enter')
  expect(link.hash.length).toBeGreaterThanOrEqual(44)
  await spend(server, link.href, 'Ada')
  expect(new URL(await freshLink(server)).hash).not.toBe(link.hash)
  expect(statSync(dataDir).mode & 0o077).toBe(0)
  expect(statSync(adminSocketPath(dataDir)).mode & 0o077).toBe(0)
  await server.restart()
  // This line comes after the one with the link.
  await eventually(() => server.logs().includes('demo model'))
  expect(server.logs()).not.toContain('/enter#')
}, 60_000)

test('a second start is ready within 2 s', async () => {
  const dataDir = join(folder, 'links')
  const since = performance.now()
  await using server = await startServer({ dataDir })
  expect(performance.now() - since).toBeLessThan(2_000)
  expect((await fetch(new URL('/healthz', server.url))).status).toBe(200)
}, 60_000)
