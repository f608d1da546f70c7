import type { WorkerRequest } from './lib/worker-messages.ts'

/*
 * The service worker: keeps the app's files, so that it opens without a server. It never touches the socket, entering and leaving, or the
 * health check, and it keeps nothing that belongs to a person.
 */

declare const self: ServiceWorkerGlobalScope
/** Both are put in by the build: the name of this client, and the paths of all its files. */
declare const BUILD: string
declare const FILES: readonly string[]

const SHELL = '/shell'
const CACHE = `confab-${BUILD}`
/** A server that has not begun to answer by then is as good as none. */
const NETWORK_MS = 3_000

self.addEventListener('install', (event) => event.waitUntil(keep()))
self.addEventListener('activate', (event) => event.waitUntil(begin()))

self.addEventListener('message', (event) => {
  const request: WorkerRequest = event.data
  switch (request) {
    case 'build':
      event.ports[0]?.postMessage(BUILD)
      return
    case 'take over':
      event.waitUntil(self.skipWaiting())
      return
    case 'take over when alone':
      event.waitUntil(takeOverWhenAlone())
      return
  }
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== location.origin) return
  if (request.mode === 'navigate') {
    if (pathname === '/' || pathname.startsWith('/c/')) event.respondWith(room(request))
  } else if (pathname.startsWith('/assets/') || FILES.includes(pathname)) event.respondWith(file(request))
})

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE)
  // A file whose name holds its hash may come from where the page has just put it; the others must be those of this build.
  await cache.addAll([SHELL, ...FILES].map((url) => new Request(url, { cache: url.startsWith('/assets/') ? 'default' : 'reload' })))
}

async function begin(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith('confab-') && name !== CACHE) await caches.delete(name)
  await self.clients.claim()
}

// The pages of an older build may still load files that only the older worker keeps.
async function takeOverWhenAlone(): Promise<void> {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  if (pages.length <= 1) await self.skipWaiting()
}

/** The page from the server; the kept one when it is away, or when something in front of it says so. */
async function room(request: Request): Promise<Response> {
  const shell = await (await caches.open(CACHE)).match(SHELL, { ignoreVary: true })
  if (!shell) return fetch(request)
  const late = new AbortController()
  // Ended as soon as the answer begins: its rest may take its time.
  const timer = setTimeout(() => late.abort(), NETWORK_MS)
  const answer = await fetch(request, { signal: late.signal }).catch(() => null)
  clearTimeout(timer)
  return answer && answer.status < 500 ? answer : shell
}

/** A file of the app that was left out of the list is kept when it has been needed once. */
async function file(request: Request): Promise<Response> {
  const kept = await caches.match(request, { ignoreVary: true })
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) await (await caches.open(CACHE)).put(request, answer.clone()).catch(() => undefined)
  return answer
}
