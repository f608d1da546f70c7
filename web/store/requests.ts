import { store } from './store.ts'

/** One page of older messages; it arrives in the store. */
export function requestEarlier(conversationId: string): void {
  store().requests.send({ kind: 'earlier', conversationId })
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
