import { afterAll, beforeAll, expect, test } from 'bun:test'
import { brotliDecompressSync } from 'node:zlib'
import { enter } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let html = ''

beforeAll(async () => {
  server = await startServer()
  const { cookie } = await enter(server)
  const answer = await fetch(server.url, { headers: { cookie } })
  expect(answer.headers.get('cache-control')).toBe('no-store')
  html = await answer.text()
}, 60_000)

afterAll(() => server.stop(), 30_000)

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(new URL(path, server.url), { headers, decompress: false } as RequestInit)
const files = () => [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')

test('the page holds no script, no style and no handler of its own', () => {
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>/)
  expect(html).not.toMatch(/<style|\sstyle="|\son\w+="|javascript:/)
  expect(files().length).toBeGreaterThan(2)
})

test('every file that the page names is immutable and comes compressed to whoever can read that', async () => {
  for (const path of files()) {
    const plain = await get(path, { 'accept-encoding': 'identity' })
    expect([path, plain.status, plain.headers.get('content-encoding')]).toEqual([path, 200, null])
    expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(plain.headers.get('vary')).toContain('accept-encoding')
    expect(plain.headers.get('x-content-type-options')).toBe('nosniff')
    const body = new Uint8Array(await plain.arrayBuffer())
    if (body.length < 2_000) continue
    const small = await get(path, { 'accept-encoding': 'gzip, br;q=1' })
    expect([path, small.headers.get('content-encoding')]).toEqual([path, 'br'])
    expect(new Uint8Array(brotliDecompressSync(await small.arrayBuffer()))).toEqual(body)
    const gzip = await get(path, { 'accept-encoding': 'gzip' })
    expect(gzip.headers.get('content-encoding')).toBe('gzip')
    expect(new Uint8Array(Bun.gunzipSync(new Uint8Array(await gzip.arrayBuffer())))).toEqual(body)
  }
})

test('a file that the browser has already is not sent again', async () => {
  const [path = ''] = files()
  const tag = (await get(path)).headers.get('etag') ?? ''
  const again = await get(path, { 'if-none-match': tag })
  expect([again.status, await again.text()]).toEqual([304, ''])
})

test('no path leads out of the built client', async () => {
  for (const path of [
    '/assets/../../package.json',
    '/..%2f..%2fpackage.json',
    '/.vite/manifest.json',
    '/assets/%2e%2e/%2e%2e/bun.lock',
    '/.stamp',
    '//etc/passwd',
  ]) {
    const answer = await fetch(server.url + path)
    expect([path, answer.status]).toEqual([path, 404])
    expect(await answer.text()).toContain('There is no such page')
  }
})

test('health is told to whoever asks', async () => {
  const answer = await get('/healthz')
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ ok: true, version: expect.stringMatching(/^\d+\.\d+\.\d+$/) })
})
