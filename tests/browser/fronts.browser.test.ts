import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser } from 'playwright'
import { DESKTOP, launch, watch } from '../support/browser.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { type Front, freePort, startCaddy, startNginx } from '../support/front.ts'
import { composer, online, readsAs, reply, say } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* Confab behind the reverse proxies that README.md gives recipes for, over https. */

let emulator: Emulator
let browser: Browser
type Name = 'caddy' | 'nginx'
const ATTEMPTS = 5
const servers = new Map<Name, TestServer>()
const fronts = new Map<Name, Front>()

beforeAll(async () => {
  emulator = await startEmulator()
  browser = await launch()
  const caddy = await behind('caddy', startCaddy)
  await behind('nginx', (port, serverPort) => startNginx(port, serverPort, caddy))
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await Promise.all(Array.from(fronts.values(), (front) => front.stop()))
  await Promise.all(Array.from(servers.values(), (server) => server.stop()))
  await emulator?.stop()
}, 60_000)

/** A server has to know the address of its front before there is one: when a port has gone to somebody else meanwhile, both begin anew. */
async function behind<F extends Front>(name: Name, startFront: (port: number, serverPort: number) => Promise<F>): Promise<F> {
  for (let attempt = 1; ; attempt++) {
    const [port, serverPort] = [freePort(), freePort()]
    const env = {
      GEMINI_API_KEY: 'emulator',
      GEMINI_BASE_URL: emulator.url,
      TRUST_PROXY: '1',
      PUBLIC_URL: `https://localhost:${port}`,
    }
    let server: TestServer | null = null
    try {
      server = await startServer({ env, port: serverPort })
      const front = await startFront(port, serverPort)
      servers.set(name, server)
      fronts.set(name, front)
      return front
    } catch (error) {
      await server?.stop()
      if (attempt === ATTEMPTS) throw error
    }
  }
}

for (const name of ['caddy', 'nginx'] as const) {
  describe(`behind ${name}`, () => {
    const front = () => {
      const found = fronts.get(name)
      if (!found) throw new Error(`${name} was not started`)
      return found
    }

    test('one enters by the printed link, and sees an answer grow while it is written', async () => {
      const context = await browser.newContext({ viewport: DESKTOP, ignoreHTTPSErrors: true })
      const page = await context.newPage()
      const seen = watch(page, front())
      const link = await servers.get(name)?.claimLink()
      expect(link).toStartWith(`${front().url}/enter#`)
      await page.goto(link ?? '')
      await page.getByRole('textbox', { name: 'Your name' }).fill('Ada')
      await page.getByRole('button', { name: 'Enter' }).click()
      await composer(page).waitFor()
      await online(page)
      const [cookie, ...others] = await context.cookies()
      expect(others).toEqual([])
      expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax', path: '/', domain: 'localhost' })
      expect(cookie?.name).toStartWith('__Host-confab')
      await say(page, 'Hello [[hand]]')
      const answer = await emulator.next({ prompt: 'Hello' })
      await answer.write('The first half, ')
      await readsAs(reply(page, 'streaming'), 'The first half,')
      await answer.write('and the second.')
      await readsAs(reply(page, 'streaming'), 'The first half, and the second.')
      await answer.finish()
      await reply(page, 'complete').waitFor()
      await page.reload()
      await readsAs(reply(page, 'complete'), 'The first half, and the second.')
      // Chromium excuses the unknown authority for pages, but not for a service worker's script.
      seen.expectQuiet(/SSL certificate error/)
      await context.close()
    }, 60_000)

    test('its certificate is checked, transport is strict, and a foreign page gets nothing', async () => {
      const tls = { ca: front().authority }
      const page = await fetch(`${front().url}/enter`, { tls })
      expect(page.status).toBe(200)
      expect(page.headers.get('strict-transport-security')).toContain('max-age=')
      const enter = (origin: string) =>
        fetch(`${front().url}/auth/enter`, { tls, method: 'POST', headers: { origin, 'content-type': 'application/json' }, body: '{}' })
      expect((await enter(front().url)).status).toBe(410)
      for (const origin of [
        'http://localhost',
        front().url.replace('https', 'http'),
        'https://localhost',
        'https://evil.example',
        'null',
      ]) {
        expect([origin, (await enter(origin)).status]).toEqual([origin, 403])
      }
    })

    test('whoever guesses is counted by the address that the proxy saw, not by the one that they claim', async () => {
      const statuses: number[] = []
      for (let count = 0; count < 25; count++) {
        const answer = await fetch(`${front().url}/auth/enter`, {
          tls: { ca: front().authority },
          method: 'POST',
          headers: { origin: front().url, 'content-type': 'application/json', 'x-forwarded-for': `10.1.2.${count}` },
          body: '{}',
        })
        statuses.push(answer.status)
      }
      expect(new Set(statuses)).toEqual(new Set([410, 429]))
      expect(statuses.at(-1)).toBe(429)
    })
  })
}
