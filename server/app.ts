import { Elysia } from 'elysia'
import { isId } from '#contract'
import type { Entrance } from './access/entrance.ts'
import { addressOf, isSameOrigin, isSecure, originOf, type Trust } from './access/requests.ts'
import { type Sessions, TooManyStrangers } from './access/sessions.ts'
import { partyAt } from './access/webauthn.ts'
import { inTime } from './database/in-time.ts'
import type { Database } from './database/open.ts'
import { findOwner } from './database/people.ts'
import { isUnavailable } from './database/sql-state.ts'
import { type Log, reason } from './log.ts'
import type { Assets } from './pages/assets.ts'
import { appDocument, diagramDocument, enterDocument, messageDocument, shellDocument } from './pages/documents.ts'
import { forAnyOrigin, framed, secured } from './pages/headers.ts'
import { AWAY, CROWDED, FAILED, NO_PAGE } from './pages/notices.ts'
import type { sharePages } from './pages/shares.ts'
import type { Model } from './replies/model.ts'
import type { Connection, Sockets } from './rooms/sockets.ts'

export type AppParts = {
  readonly database: Database
  readonly sockets: Sockets
  readonly sessions: Sessions
  readonly entrance: Entrance
  readonly model: Model
  readonly assets: Assets
  readonly version: string
  readonly shares: ReturnType<typeof sharePages>
  readonly log: Log
  /** Asked for every request, since the port is known only once the server listens. */
  readonly trust: () => Trust
}

/** A person who waits for a page shall soon hear what is the matter. */
const LOOK_MS = 5_000
const AGAIN_S = 5
const STRANGER_S = 60

/** Everything that is spoken over HTTP: pages, files, entering and leaving, the upgrade to the socket, health. */
export function createApp(parts: AppParts) {
  const { assets, database, entrance, log, model, sessions, shares, sockets, trust, version } = parts
  const { db } = database
  // There will always be one once there is: strangers at the door need not reach the database.
  let owner = false

  const app = new Elysia({ serve: { reusePort: false, maxRequestBodySize: 1024 * 1024 } })
    .onError(({ code, error, request }) => {
      if (code === 'NOT_FOUND') return answer(request, message(NO_PAGE, 404))
      const { pathname: path } = new URL(request.url)
      // The secret of a shared page is in its path.
      const logged = path.replace(/^\/s\/[^/]*/, '/s/…')
      if (isUnavailable(error)) {
        log.warn('http.unavailable', { path: logged, reason: reason(error) })
        return answer(request, later(path, { status: 503, error: 'unavailable', words: AWAY, afterS: AGAIN_S }))
      }
      if (error instanceof TooManyStrangers)
        return answer(request, later(path, { status: 429, error: 'too_many', words: CROWDED, afterS: STRANGER_S }))
      log.error('http.failed', { path: logged, reason: reason(error) })
      return answer(request, message(FAILED, 500))
    })
    .get('/healthz', async ({ request }) => {
      const ok = await database.alive()
      return answer(request, Response.json({ ok, version }, { status: ok ? 200 : 503 }))
    })
    .get('/rpc', async ({ request, server }) => {
      if (!isSameOrigin(request, trust()))
        return answer(request, new Response('This socket is for pages of this server only.', { status: 403 }))
      // A session that ends while it is being read would otherwise come in by what was true before.
      const arrival = sockets.arrivals.arrive()
      try {
        const session = await who(request)
        if (!session || arrival.hasEnded(session.id, session.person.id))
          return answer(request, new Response('Sign in first.', { status: 401 }))
        const wire = Number(new URL(request.url).searchParams.get('wire') ?? 0)
        const { id: sessionId, person } = session
        const origin = request.headers.get('origin') ?? ''
        const data: Connection = { sessionId, origin, person, wire, rooms: new Map(), joining: new Set() }
        // The one answer that a tab which is never reloaded ever gets: the cookie is renewed with it, or it would run out under the session.
        const headers: Record<string, string> = session.renewed ? { 'set-cookie': session.renewed } : {}
        if (server?.upgrade(request, { data, headers })) return undefined
        return answer(request, new Response('This address takes web sockets only.', { status: 426, headers: { upgrade: 'websocket' } }))
      } finally {
        arrival.over()
      }
    })
    .post('/auth/look', async ({ request }) => answer(request, await entrance.look(request, addressOfPeer(request))), { parse: 'none' })
    .post('/auth/enter', async ({ request }) => answer(request, await entrance.enter(request, addressOfPeer(request))), { parse: 'none' })
    .post('/auth/passkey/ask', async ({ request }) => answer(request, await entrance.askForPasskey(request, addressOfPeer(request))), {
      parse: 'none',
    })
    .post('/auth/passkey/enter', async ({ request }) => answer(request, await entrance.enterByPasskey(request, addressOfPeer(request))), {
      parse: 'none',
    })
    .post('/auth/leave', async ({ request }) => answer(request, await entrance.leave(request, addressOfPeer(request))), { parse: 'none' })
    .use(shares)
    .get('/enter', async ({ request }) => {
      owner ||= (await inTime(findOwner(db), LOOK_MS)) !== null
      return answer(
        request,
        page(enterDocument({ assets: assets.page('enter.ts'), owner, passkeys: partyAt(originOf(request, trust()) ?? '') !== null })),
      )
    })
    // Without a session, for it holds nothing of anybody's: a browser keeps it and opens it when this server cannot be reached.
    .get('/shell', ({ request }) => answer(request, page(shellDocument({ assets: assets.page('index.ts') }))))
    .get('/', ({ request }) => room(request))
    .get('/c/:id', ({ request, params }) => {
      return isId(params.id) ? room(request) : answer(request, message(NO_PAGE, 404))
    })
    .get('/diagram', ({ request }) => framed(answer(request, page(diagramDocument(assets.diagram)))))
    .get('/*', ({ request }) => {
      const { pathname: path } = new URL(request.url)
      const found = answer(request, assets.respond(request, path) ?? message(NO_PAGE, 404))
      return path === assets.diagram ? forAnyOrigin(found) : found
    })
  return app

  /** The app, for a person with a session; its islands find out which room by the address. */
  async function room(request: Request): Promise<Response> {
    const session = await who(request)
    if (!session) return answer(request, new Response(null, { status: 303, headers: { location: '/enter' } }))
    const { person } = session
    const response = page(appDocument({ assets: assets.page('index.ts'), person, model: model.name, demo: model.demo }))
    if (session.renewed) response.headers.set('set-cookie', session.renewed)
    return answer(request, response)
  }

  function addressOfPeer(request: Request): string {
    return addressOf(request, app.server?.requestIP(request)?.address ?? null, trust())
  }

  function who(request: Request) {
    return inTime(sessions.whoIs(request, trust(), addressOfPeer(request)), LOOK_MS)
  }

  function later(
    path: string,
    why: { status: number; error: string; words: { title: string; sentence: string }; afterS: number },
  ): Response {
    const { status, error, words, afterS } = why
    const link = { href: path, words: 'Try again' }
    const response = path.startsWith('/auth/') ? refusal(error, status) : message({ ...words, link }, status)
    response.headers.set('retry-after', String(afterS))
    // What browsers know instead: the page comes by itself as soon as it can.
    response.headers.set('refresh', String(afterS))
    return response
  }

  function message(words: Omit<Parameters<typeof messageDocument>[0], 'assets'>, status: number): Response {
    return page(messageDocument({ ...words, assets: assets.page('enter.ts') }), status)
  }

  function answer(request: Request, response: Response): Response {
    return secured(response, isSecure(request, trust()))
  }
}

function page(html: string, status = 200): Response {
  return new Response(html, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' } })
}

function refusal(error: string, status: number): Response {
  return Response.json({ error }, { status })
}
