import { createServer, type ServerResponse } from 'node:http'
import { type Answer, createAnswer } from './emulator-answer.ts'
import { overloaded } from './emulator-errors.ts'
import { planOf, wordsOf } from './emulator-plan.ts'
import { play } from './emulator-play.ts'
import type { Ask } from './emulator-request.ts'
import { type EmulatedRequest, isForTitle, journalEntry, understand } from './emulator-journal.ts'
import { createWaiting } from './emulator-waiting.ts'
import { createWire, type Wire } from './emulator-wire.ts'

export type { Answer } from './emulator-answer.ts'
export type { EmulatedRequest } from './emulator-journal.ts'

/** Gives one answer; see `Answer`. What it throws ends the connection. */
export type Script = (answer: Answer) => Promise<void> | void

export type Emulator = {
  /** For `GEMINI_BASE_URL`. */
  readonly url: string
  readonly port: number
  /** Everything that was asked, oldest first; entries change while they are answered. */
  readonly requests: readonly EmulatedRequest[]
  /** What was asked to find a title for a room, oldest first: none of these are among `requests`. */
  readonly titles: readonly EmulatedRequest[]
  /** The next answers, one script each, before prompts are looked at. */
  readonly script: Script[]
  /**
   * The oldest answer that waits to be driven by hand: of a prompt with `[[hand]]`, or of any when started with `manual`.
   * `prompt`: only one whose prompt contains this.
   */
  next(options?: { prompt?: string; timeoutMs?: number }): Promise<Answer>
  /** The first request in the journal for which `matches` is true, when it is there. */
  waitForRequest(matches?: (request: EmulatedRequest) => boolean, timeoutMs?: number): Promise<EmulatedRequest>
  /** Resolves when the client of a matching request went away before its end. */
  waitForDisconnect(matches?: (request: EmulatedRequest) => boolean, timeoutMs?: number): Promise<EmulatedRequest>
  /** Ends every connection and frees the port. */
  stop(): Promise<void>
}

/**
 * Starts a Gemini endpoint of the wire's shape on 127.0.0.1. What it answers is chosen by words in the prompt such as `[[429]]`,
 * by a script, or by hand. Titles are refused unless `title` gives them: they are no answers to a prompt, cost nothing then, and change nothing. Any base path, v1 and v1beta. Keys that begin with `bad` or `leaked` are refused.
 */
export async function startEmulator(options: { port?: number; manual?: boolean; title?: Script } = {}): Promise<Emulator> {
  const requests: EmulatedRequest[] = []
  const titles: EmulatedRequest[] = []
  const byHand: Answer[] = []
  const script: Script[] = []
  const attempts = new Map<string, number>()
  const { changed, until, stop: stopWaiting } = createWaiting()

  const server = createServer((incoming, response) => {
    const parts: Buffer[] = []
    incoming.on('data', (part: Buffer) => parts.push(part))
    incoming.on('end', () => {
      const request = journalEntry(incoming, Buffer.concat(parts).toString(), requests.length + 1)
      if (isForTitle(request)) titles.push(request)
      // Looking at the list asks no model anything.
      else if (incoming.method !== 'GET') requests.push(request)
      // A script that fails must not take the other answers down.
      respond(request, response).catch(() => response.socket?.destroy())
      changed()
    })
    incoming.on('error', () => {})
  })
  // A client must never meet a connection that is just being closed for being idle.
  server.keepAliveTimeout = 600_000

  async function respond(request: EmulatedRequest, response: ServerResponse): Promise<void> {
    const framing = request.action !== 'streamGenerateContent' ? 'single' : request.query.alt === 'sse' ? 'events' : 'array'
    const wire = createWire(response, framing, (own) => {
      if (own) request.finished = true
      else request.disconnected = true
      changed()
    })
    const wish = understand(request)
    switch (wish.kind) {
      case 'refused':
        return wire.refuse(wish.refusal.status, wish.refusal.body)
      case 'told':
        await wire.send(wish.body)
        return await wire.end()
      case 'asked':
        return await give(request, wish.ask, wire)
    }
  }

  async function give(request: EmulatedRequest, ask: Ask, wire: Wire): Promise<void> {
    request.prompt = ask.turns.findLast((turn) => turn.role === 'user')?.text ?? ''
    const answer = createAnswer(request, ask, wire)
    if (isForTitle(request)) return await (options.title ? options.title(answer) : answer.fail(overloaded()))
    const next = script.shift()
    if (next) return await next(answer)
    if (options.manual || wordsOf(request.prompt).has('hand')) {
      byHand.push(answer)
      return changed()
    }
    const attempt = (attempts.get(request.prompt) ?? 0) + 1
    attempts.set(request.prompt, attempt)
    await play(answer, planOf(request.prompt, request.model ?? '', attempt))
  }

  const { promise: listening, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(options.port ?? 0, '127.0.0.1', resolve)
  await listening
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    titles,
    script,
    next({ prompt = '', timeoutMs } = {}) {
      return until(
        'an answer to drive',
        () => {
          const at = byHand.findIndex((answer) => answer.request.prompt.includes(prompt))
          return at < 0 ? undefined : byHand.splice(at, 1)[0]
        },
        timeoutMs,
      )
    },
    waitForRequest: (matches = () => true, timeoutMs) => until('a request', () => requests.find(matches), timeoutMs),
    waitForDisconnect: (matches = () => true, timeoutMs) =>
      until('a disconnect', () => requests.find((request) => request.disconnected && matches(request)), timeoutMs),
    async stop() {
      stopWaiting()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
