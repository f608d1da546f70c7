import { Elysia } from 'elysia'
import { isId } from '#contract'
import type { Entrance } from './access/entrance.ts'
import { isSameOrigin, isSecure, type Trust } from './access/requests.ts'
import { whoIs } from './access/sessions.ts'
import type { Database } from './database/open.ts'
import { findOwner } from './database/people.ts'
import { type Log, reason } from './log.ts'
import type { Assets } from './pages/assets.ts'
import { appDocument, enterDocument, messageDocument, shellDocument } from './pages/documents.ts'
import { secured } from './pages/headers.ts'
import type { Model } from './replies/model.ts'
import type { Connection, Sockets } from './rooms/sockets.ts'

export type AppParts = {
  readonly database: Database
  readonly sockets: Sockets
  readonly entrance: Entrance
  readonly model: Model
  readonly assets: Assets
  readonly version: string
  readonly log: Log
  /** Asked for every request, since the port is known only once the server listens. */
  readonly trust: () => Trust
}

/** Everything that is spoken over HTTP: pages, files, entering and leaving, the upgrade to the socket, health. */
export function createApp(parts: AppParts) {
  const { assets, database, entrance, log, model, sockets, trust, version } = parts
  const { db } = database
  // There will always be one once there is: strangers at the door need not reach the database.
  let owner = false

  return (
    new Elysia({ serve: { reusePort: false, maxRequestBodySize: 1024 * 1024 } })
      .onError(({ code, error, request }) => {
        if (code === 'NOT_FOUND') return answer(request, message(NO_PAGE, 404))
        log.error('http.failed', { path: new URL(request.url).pathname, reason: reason(error) })
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
        const arrival = sockets.arrive()
        try {
          const session = await whoIs(db, request, trust())
          if (!session || arrival.hasEnded(session.id, session.person.id))
            return answer(request, new Response('Sign in first.', { status: 401 }))
          const wire = Number(new URL(request.url).searchParams.get('wire') ?? 0)
          const data: Connection = { sessionId: session.id, person: session.person, wire, rooms: new Set(), joining: new Set() }
          // The one answer that a tab which is never reloaded ever gets: the cookie is renewed with it, or it would run out under the session.
          const headers: Record<string, string> = session.renewed ? { 'set-cookie': session.renewed } : {}
          if (server?.upgrade(request, { data, headers })) return undefined
          return answer(request, new Response('This address takes web sockets only.', { status: 426, headers: { upgrade: 'websocket' } }))
        } finally {
          arrival.over()
        }
      })
      .post(
        '/auth/look',
        async ({ request, server }) => answer(request, await entrance.look(request, server?.requestIP(request)?.address ?? null)),
        { parse: 'none' },
      )
      .post(
        '/auth/enter',
        async ({ request, server }) => answer(request, await entrance.enter(request, server?.requestIP(request)?.address ?? null)),
        { parse: 'none' },
      )
      .post(
        '/auth/leave',
        async ({ request, server }) => answer(request, await entrance.leave(request, server?.requestIP(request)?.address ?? null)),
        { parse: 'none' },
      )
      .get('/enter', async ({ request }) => {
        owner ||= (await findOwner(db)) !== null
        return answer(request, page(enterDocument({ assets: assets.page('enter.ts'), owner })))
      })
      // Without a session, for it holds nothing of anybody's: a browser keeps it and opens it when this server cannot be reached.
      .get('/shell', ({ request }) => answer(request, page(shellDocument({ assets: assets.page('index.ts') }))))
      .get('/', ({ request }) => room(request))
      .get('/c/:id', ({ request, params }) => {
        return isId(params.id) ? room(request) : answer(request, message(NO_PAGE, 404))
      })
      .get('/*', ({ request }) => {
        const found = assets.respond(request, new URL(request.url).pathname)
        return answer(request, found ?? message(NO_PAGE, 404))
      })
  )

  /** The app, for a person with a session; its islands find out which room by the address. */
  async function room(request: Request): Promise<Response> {
    const session = await whoIs(db, request, trust())
    if (!session) return answer(request, new Response(null, { status: 303, headers: { location: '/enter' } }))
    const { person } = session
    const response = page(appDocument({ assets: assets.page('index.ts'), person, model: model.name, demo: model.demo }))
    if (session.renewed) response.headers.set('set-cookie', session.renewed)
    return answer(request, response)
  }

  function message(words: Omit<Parameters<typeof messageDocument>[0], 'styles'>, status: number): Response {
    return page(messageDocument({ ...words, styles: assets.page('enter.ts').styles }), status)
  }

  function answer(request: Request, response: Response): Response {
    return secured(response, isSecure(request, trust()))
  }
}

const NO_PAGE = {
  title: 'There is no such page',
  sentence: 'The address leads nowhere here.',
  link: { href: '/', words: 'Go to your conversations' },
}
const FAILED = {
  title: 'Something went wrong',
  sentence: 'The server could not make this page. Try again in a moment.',
  link: { href: '/', words: 'Try again' },
}

function page(html: string, status = 200): Response {
  return new Response(html, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' } })
}
