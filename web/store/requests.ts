import type { ContractRouterClient } from '@orpc/contract'
import { type contract, LIMITS } from '#contract'
import { RefusedError } from '../lib/refused.ts'
import { store } from './store.ts'

type Client = ContractRouterClient<typeof contract>
/** The name of a call, e.g. `member.update`. */
export type Procedure = { [Noun in keyof Client]: `${Noun}.${keyof Client[Noun] & string}` }[keyof Client]
type CallOf<P extends Procedure> = P extends `${infer Noun extends keyof Client}.${infer Verb}`
  ? Verb extends keyof Client[Noun]
    ? Client[Noun][Verb]
    : never
  : never
export type InputOf<P extends Procedure> = CallOf<P> extends (input: infer Input, ...rest: never) => unknown ? Input : never
export type OutputOf<P extends Procedure> = CallOf<P> extends (...values: never) => PromiseLike<infer Output> ? Output : never

/**
 * A call for which somebody waits: made once and at once, past the outbox. Rejects with a RefusedError; after `offline` it may have been carried
 * out all the same, so what must not happen twice names itself by an id.
 */
export function ask<P extends Procedure>(procedure: P, input: InputOf<P>): Promise<OutputOf<P>> {
  return new Promise((resolve, reject) => {
    const served = store().requests.send({
      kind: 'ask',
      procedure,
      input,
      done(outcome) {
        if (outcome.kind === 'refused') reject(new RefusedError(outcome.refused))
        // The contract holds on both sides: the server checks what it answers.
        else resolve(outcome.output as OutputOf<P>)
      },
    })
    if (!served) reject(new RefusedError({ code: 'offline' }))
  })
}

/** Tells the others in a room that this person is writing; as often as one likes. */
export function tellTyping(conversationId: string): void {
  store().requests.send({ kind: 'typing', conversationId })
}

/** One page of older messages; it arrives in the store. */
export function requestEarlier(conversationId: string, limit: number = LIMITS.pageRows): void {
  store().requests.send({ kind: 'earlier', conversationId, limit })
}

/** Loads the page anew, with the newest client there is. In the other tabs of this browser, too. */
export function requestReload(): void {
  store().requests.send({ kind: 'reload' })
}

/** Signs out on the server, deletes this person's store and goes to the entrance. False: the server could not be reached. */
export function leave(): Promise<boolean> {
  return new Promise((resolve) => {
    if (!store().requests.send({ kind: 'leave', done: resolve })) resolve(false)
  })
}
