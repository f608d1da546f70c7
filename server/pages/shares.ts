import { Elysia } from 'elysia'
import { isId, type SharedPage } from '#contract'
import { createAttempts } from '../access/attempts.ts'
import { addressOf, isSameOrigin, isSecure, type Trust } from '../access/requests.ts'
import type { Sessions } from '../access/sessions.ts'
import { hashToken, isToken } from '../access/tokens.ts'
import { current, isForeign } from '../database/conversations.ts'
import { copy } from '../database/copying.ts'
import type { Database } from '../database/open.ts'
import { findShare, type Share, sharedPath } from '../database/shares.ts'
import type { ReplyQueue } from '../replies/queue.ts'
import type { Changes } from '../rooms/changes.ts'
import { forReaders, type Reader, type Readers } from '../rooms/readers.ts'
import type { Assets } from './assets.ts'
import { messageDocument } from './documents.ts'
import { secured } from './headers.ts'
import { shareDocument } from './share-document.ts'

export type ShareParts = {
  readonly database: Database
  readonly assets: Assets
  readonly changes: Changes
  readonly replies: Pick<ReplyQueue, 'live'>
  readonly readers: Readers
  readonly sessions: Sessions
  /** What the model is called. */
  readonly speaker: string
  readonly trust: () => Trust
}

/** Secrets cannot be guessed; this keeps whoever tries from costing much. */
const MISSES = { max: 30, windowMs: 60_000, maxKeys: 10_000 }
/** A page, and a new connection, read a whole transcript; a copy writes one. */
const VIEWS = { max: 300, windowMs: 60_000, maxKeys: 10_000 }
const COPIES = { max: 10, windowMs: 60_000, maxKeys: 10_000 }

/** The newest part of a room for those who read a share: rows first, then the texts that are ahead of them. null: the room is gone. */
export async function readShared(
  db: Database['db'],
  replies: Pick<ReplyQueue, 'live'>,
  conversationId: string,
): Promise<SharedPage | null> {
  const now = await current(db, conversationId)
  if (!now || now.conversation.deleted) return null
  const { title, headId } = now.conversation
  const { messages, earlierId } = headId === null ? { messages: [], earlierId: null } : await sharedPath(db, conversationId, headId)
  const live = replies.live(conversationId).map(({ id, text }) => ({ id, text }))
  return { title, messages: messages.map(forReaders), earlierId, live }
}

/** Rooms that are shared to read: `/s/<token>`. The secret is in the path, for a page that is readable without a script never sees a fragment. */
export function sharePages({ database, assets, changes, replies, readers, sessions, speaker, trust }: ShareParts) {
  const { db } = database
  const mayMiss = createAttempts(MISSES)
  const mayView = createAttempts(VIEWS)
  const mayCopy = createAttempts(COPIES)

  return new Elysia()
    .get('/s/:token', async ({ request, params, server }) => {
      if (!mayView(from(request, server))) return tooMany(request)
      const share = await find(params.token)
      if (!share) return gone(request, from(request, server))
      const to = new URL(request.url).searchParams.get('to')
      const shown = to === null ? await readShared(db, replies, share.room.id) : isId(to) ? await older(share, to) : null
      if (!shown) return gone(request, from(request, server))
      const texts = new Map(shown.live.map(({ id, text }) => [id, text]))
      const html = shareDocument({
        assets: assets.page('share.ts'),
        path: `/s/${params.token}`,
        title: shown.title,
        messages: shown.messages.map((message) => ({ message, text: texts.get(message.id) ?? message.text })),
        earlierId: shown.earlierId,
        newest: to === null,
        mine: (await sessions.whoIs(request, trust(), from(request, server))) !== null,
      })
      return answer(request, document(html))
    })
    .get('/s/:token/live', async ({ request, params, server }) => {
      if (!isSameOrigin(request, trust()))
        return answer(request, new Response('This socket is for pages of this server only.', { status: 403 }))
      if (!mayView(from(request, server))) return tooMany(request)
      // A link that is revoked while it is being read would otherwise open this all the same.
      const arrival = readers.arrivals.arrive()
      try {
        const share = await find(params.token)
        if (!share || arrival.hasEnded(share.linkId, share.room.id)) return gone(request, from(request, server))
        if (!readers.hasPlace(share.linkId)) return answer(request, new Response('Too many read this at once.', { status: 503 }))
        const data: Reader = { linkId: share.linkId, conversationId: share.room.id, expiresAt: share.expiresAt?.getTime() ?? null }
        if (server?.upgrade(request, { data })) return undefined
        return answer(request, new Response('This address takes web sockets only.', { status: 426, headers: { upgrade: 'websocket' } }))
      } finally {
        arrival.over()
      }
    })
    .post(
      '/s/:token/copy',
      async ({ request, params, server }) => {
        if (!isSameOrigin(request, trust())) return answer(request, new Response('This is for pages of this server only.', { status: 403 }))
        const session = await sessions.whoIs(request, trust(), from(request, server))
        if (!session) return answer(request, new Response(null, { status: 303, headers: { location: '/enter' } }))
        if (!mayCopy(session.person.id)) return tooMany(request)
        const id = new URLSearchParams((await request.text()).slice(0, 1_000)).get('id') ?? ''
        const share = await find(params.token)
        const { person } = session
        if (!share || !isId(id) || (await isForeign(db, id, person.id))) return gone(request, from(request, server))
        const copied = await changes.found(id, person.id, async () => {
          const copying = { id, from: share.room, toId: share.room.headId, live: replies.live(share.room.id), thoughts: false }
          return (await copy(db, person, copying, speaker)) ?? { change: null, taken: true }
        })
        if ('taken' in copied) return gone(request, from(request, server))
        return answer(request, new Response(null, { status: 303, headers: { location: `/c/${id}` } }))
      },
      { parse: 'none' },
    )

  function from(request: Request, server: Bun.Server<unknown> | null): string {
    return addressOf(request, server?.requestIP(request)?.address ?? null, trust())
  }

  async function find(token: string): Promise<Share | null> {
    return isToken(token) ? findShare(db, hashToken(token)) : null
  }

  async function older({ room }: Share, to: string): Promise<SharedPage | null> {
    const path = await sharedPath(db, room.id, to)
    return path.messages.length === 0 && path.earlierId === null
      ? null
      : { title: room.title, earlierId: path.earlierId, messages: path.messages.map(forReaders), live: [] }
  }

  function tooMany(request: Request): Response {
    return answer(request, new Response('Too many tries. Come back in a minute.', { status: 429, headers: { 'retry-after': '60' } }))
  }

  /** One answer for whatever opens nothing: unknown, revoked, expired, removed. */
  function gone(request: Request, address: string): Response {
    if (!mayMiss(address)) return tooMany(request)
    const words = {
      title: 'This link opens nothing',
      sentence: 'It was revoked, has ended, or was never there. Ask whoever gave it to you for a new one.',
      link: null,
    }
    return answer(request, document(messageDocument({ ...words, assets: assets.page('enter.ts') }), 404))
  }

  // `same-origin`: with `no-referrer` a browser says `Origin: null` when the form is sent, and nobody else is told the secret either way.
  function answer(request: Request, response: Response): Response {
    secured(response, isSecure(request, trust()))
    response.headers.set('referrer-policy', 'same-origin')
    return response
  }
}

function document(html: string, status = 200): Response {
  return new Response(html, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' } })
}
