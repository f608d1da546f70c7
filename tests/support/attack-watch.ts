import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright'
import { ATTACK_HOST } from './attacks.ts'
import { openProfile } from './browser.ts'
import { eventually, within } from './eventually.ts'
import { findStrangers } from './page-audit.ts'
import type { TestServer } from './server.ts'

/** By what an attack was noticed. */
export type Detector = 'call' | 'dialog' | 'request' | 'socket' | 'policy' | 'console' | 'navigation' | 'page' | 'element'

export type AttackWatch = {
  readonly context: BrowserContext
  /** What attacks have brought about. */
  readonly hits: readonly { readonly by: Detector; readonly what: string }[]
  /** A new page, looked at from its first element on. */
  open(): Promise<Page>
  /** Resolves when every one of the pages has shown that many units of a reply that is being written. */
  shown(pages: readonly Page[], replyId: string, units: number): Promise<void>
  /** How many pieces of replies a page has shown by changing a text. */
  changes(page: Page): number
  /** Looks at everything that is on the page now. */
  audit(page: Page): Promise<void>
  /** Throws with what was noticed so far. */
  expectNothing(): void
  /** Closes the browser, and returns the names of attackers' hosts that its own log of the network knows: what it asked for, or only looked up. */
  close(): Promise<string[]>
}

/** Everything that a page of ours asks for. */
const ADDRESSES =
  /^\/($|enter$|c\/[\da-f-]{36}$|s\/[\w-]{43}(\/live|\?to=[\da-f-]{36})?$|assets\/|rpc\?|shell$|favicon\.svg$|icons\/[\w-]+\.png$|auth\/look$|diagram$|worker\.js$|manifest\.webmanifest$)/
const SHOWN_MS = 30_000

/** A browser in which nothing leaves the machine, and whatever an attack could do is noticed. */
export async function watchAttacks(server: Pick<TestServer, 'url'>, options: BrowserContextOptions = {}): Promise<AttackWatch> {
  const folder = mkdtempSync(join(tmpdir(), 'confab-attacks-'))
  const netLog = join(folder, 'net-log.json')
  // Some distributions turn off what is fetched ahead; attackers cannot count on that.
  mkdirSync(join(folder, 'Default'))
  writeFileSync(join(folder, 'Default', 'Preferences'), JSON.stringify({ net: { network_prediction_options: 0 } }))
  const context = await openProfile(folder, options, [
    `--log-net-log=${netLog}`,
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost',
  ])

  const { origin, host } = new URL(server.url)
  const hits: { by: Detector; what: string }[] = []
  const hit = (by: Detector, what: string) => void hits.push({ by, what: what.slice(0, 500) })
  const mine = new Set<Page>()
  const units = new Map<Page, Map<string, number>>()
  const changed = new Map<Page, number>()

  context.on('dialog', (dialog) => {
    hit('dialog', dialog.message())
    void dialog.dismiss()
  })
  context.on('request', (request) => {
    const url = new URL(request.url())
    if (url.protocol === 'about:' || (url.origin === origin && ADDRESSES.test(url.pathname + url.search))) return
    hit('request', request.url())
  })
  context.on('console', (message) => {
    if (/^(error|warning)$/.test(message.type())) hit('console', message.text())
  })
  context.on('weberror', (error) => hit('console', String(error.error())))
  context.on('page', (page) => {
    if (opening === 0) hit('page', page.url())
    page.on('worker', (worker) => hit('page', `worker ${worker.url()}`))
    page.on('download', (download) => hit('page', `download ${download.url()}`))
    page.on('crash', () => hit('page', 'the page crashed'))
    page.on('websocket', (socket) => {
      const url = new URL(socket.url())
      if (url.host !== host || !ADDRESSES.test(url.pathname + url.search)) hit('socket', socket.url())
    })
    page.on('framenavigated', (frame) => {
      const diagram = frame.parentFrame() === page.mainFrame() && frame.url() === `${origin}/diagram`
      if (diagram) return
      if (frame.parentFrame() || !(frame.url() === 'about:blank' || frame.url().startsWith(origin))) hit('navigation', frame.url())
    })
  })
  await context.exposeBinding('xss', (_, id: unknown) => hit('call', String(id)))
  await context.exposeBinding('noticed', (_, by: Detector, what: string) => hit(by, what))
  await context.exposeBinding('shown', ({ page }, replyId: string, length: number, change: boolean) => {
    units.get(page)?.set(replyId, length)
    look()
    if (change) changed.set(page, (changed.get(page) ?? 0) + 1)
  })
  await context.addInitScript({ content: `(${guard.toString()})(${findStrangers.toString()})` })
  let opening = 0
  let look: () => unknown = () => undefined
  let closed: Promise<string[]> | null = null

  return {
    context,
    hits,
    async open() {
      opening++
      const page = await context.newPage()
      opening--
      mine.add(page)
      units.set(page, new Map())
      return page
    },
    async shown(pages, replyId, length) {
      const done = Promise.withResolvers<void>()
      look = () => pages.every((page) => (units.get(page)?.get(replyId) ?? 0) >= length) && done.resolve()
      look()
      await within(done.promise, SHOWN_MS, `${length} units of ${replyId}`)
    },
    changes: (page) => changed.get(page) ?? 0,
    async audit(page) {
      for (const what of await page.evaluate(findStrangers, null)) hit('element', what)
    },
    expectNothing() {
      if (hits.length > 0)
        throw new Error(
          `Attacks had effects:\n${hits
            .slice(0, 20)
            .map(({ by, what }) => `${by}: ${what}`)
            .join('\n')}`,
        )
    },
    close: () => (closed ??= end()),
  }

  async function end(): Promise<string[]> {
    await context.close()
    const log = await eventually(() => readFileSync(netLog, 'utf8'))
    rmSync(folder, { recursive: true, force: true })
    return [...new Set([...log.matchAll(new RegExp(`[\\w.-]*${ATTACK_HOST.replace('.', '\\.')}`, 'g'))].map(([name]) => name))]
  }
}

type Told = { noticed(by: Detector, what: string): void; shown(replyId: string, units: number, change: boolean): void }

/** Runs in every page before anything else. */
function guard(strangers: typeof findStrangers): void {
  const told = globalThis as unknown as Told
  let changed = false
  // A diagram's frame is no page of ours: what it has is its own, what it does is heard of all the same.
  const framed = globalThis.top !== globalThis.self
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
    told.noticed('policy', `${violatedDirective} ${blockedURI} ${sample}`),
  )
  new MutationObserver((records) => {
    const seen = new Set<Element>()
    for (const { target, addedNodes } of records) {
      if (target instanceof Element && target.closest('[data-part="text"]')) changed = true
      if (target instanceof Element) seen.add(target)
      for (const node of addedNodes) {
        if (!(node instanceof Element)) continue
        seen.add(node)
        for (const inside of node.querySelectorAll('*')) seen.add(inside)
      }
    }
    if (framed) return
    for (const what of strangers(seen)) told.noticed('element', what)
  }).observe(document, { subtree: true, childList: true, attributes: true })

  // The screen waits for nothing: every piece of a reply is shown before the next one comes.
  const frames = new MessageChannel()
  const waiting = new Map<number, FrameRequestCallback>()
  let frame = 0
  frames.port1.addEventListener('message', ({ data }: MessageEvent<number>) => {
    const callback = waiting.get(data)
    waiting.delete(data)
    callback?.(performance.now())
  })
  frames.port1.start()
  globalThis.requestAnimationFrame = (callback) => {
    waiting.set(++frame, callback)
    frames.port2.postMessage(frame)
    return frame
  }
  globalThis.cancelAnimationFrame = (id) => void waiting.delete(id)
  const later = globalThis.setTimeout.bind(globalThis)
  Object.assign(globalThis, {
    setTimeout: (task: () => void, ms = 0, ...given: unknown[]) => later(task, ms <= 16 ? 0 : ms, ...given),
  })
  const Socket = globalThis.WebSocket
  globalThis.WebSocket = class extends Socket {
    constructor(...given: ConstructorParameters<typeof WebSocket>) {
      super(...given)
      this.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        if (typeof data !== 'string' || !data.startsWith('["delta"')) return
        const [, replyId, offset, text]: [string, string, number, string] = JSON.parse(data)
        changed = false
        later(() =>
          later(() => requestAnimationFrame(() => requestAnimationFrame(() => told.shown(replyId, offset + text.length, changed)))),
        )
      })
    }
  }
}
