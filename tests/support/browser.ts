import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright'
import { findChromium } from './chromium.ts'
import { enter } from './people.ts'
import type { TestServer } from './server.ts'

/*
 * The first three are pages of the browser's own that nobody sees: with them every window takes three times as much of the processor. The others are those
 * that Playwright turns off, for only the last such list counts.
 */
const WITHOUT = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxFullPopup',
  'AimEnabled',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',
]

const ARGUMENTS = [
  `--disable-features=${WITHOUT.join(',')}`,
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
]

export const DESKTOP = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }

/** The system's Chromium, without its sandbox (tests run as root in containers). The caller closes it. */
export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: executable(), args: ARGUMENTS })
}

function executable(): string {
  const path = findChromium()
  if (!path) throw new Error('There is no Chromium. Run the browser tests by "bun run test", which sees to it, or set CHROMIUM_PATH.')
  return path
}

/**
 * A browser with a profile in a folder of its own: opened again with the same folder it is the same browser after a restart. The caller closes it.
 */
export async function openProfile(
  folder: string,
  options: BrowserContextOptions = {},
  args: readonly string[] = [],
): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    executablePath: executable(),
    args: [...ARGUMENTS, ...args],
    viewport: DESKTOP,
    ...options,
  })
}

/** Signs a browser in with the cookie of a session. */
export async function signIn(context: BrowserContext, server: Pick<TestServer, 'url'>, cookie: string): Promise<void> {
  const [name = '', ...value] = cookie.split('=')
  await context.addCookies([{ name, value: value.join('='), url: server.url, httpOnly: true, sameSite: 'Lax' }])
}

/** A fresh profile that is signed in as the owner. */
export async function signedInContext(browser: Browser, server: TestServer, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const { cookie } = await enter(server)
  const context = await browser.newContext({ viewport: DESKTOP, ...options })
  await signIn(context, server, cookie)
  return context
}

/** A phone in portrait: touch, small, dense. */
export function phone(): BrowserContextOptions {
  return { viewport: PHONE, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
}

/** What the console says of a network, or of a server, that was taken away. */
export const LOST = [
  /ERR_INTERNET_DISCONNECTED/,
  /ERR_CONNECTION_REFUSED/,
  /ERR_CONNECTION_RESET/,
  /WebSocket connection to/,
  // The service worker's, which is fetched once the page is at rest.
  /unknown error occurred when fetching the script/,
]

export type Watch = {
  /** Console errors and warnings, uncaught errors, violations of the content security policy, and requests to other origins. */
  readonly problems: readonly string[]
  /** Throws when there is a problem that none of the patterns excuses. */
  expectQuiet(...excused: RegExp[]): void
}

/** Listens to everything that a healthy page does not do. Call it before the page goes anywhere. */
export function watch(page: Page, server: Pick<TestServer, 'url'>): Watch {
  const problems: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`console ${message.type()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`))
  page.on('crash', () => problems.push('the page crashed'))
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url())
    if (/^(https?|wss?):$/.test(protocol) && host !== new URL(server.url).host) problems.push(`foreign request: ${request.url()}`)
  })
  return {
    problems,
    expectQuiet(...excused) {
      const left = problems.filter((problem) => !excused.some((pattern) => pattern.test(problem)))
      if (left.length > 0) throw new Error(`The page had problems:\n${left.join('\n')}`)
    },
  }
}
