import { trusted } from './trusted.ts'

const PATH = '/worker.js'

type Rules = { createScriptURL(url: string): string }

let policy: Rules | undefined

/** The address of the service worker as the page's policy wants it: the only script that the page itself does not name. */
export function workerUrl(): string {
  // One that could not be fetched is asked for again.
  policy ??= trusted<Rules>('confab-worker', { createScriptURL: (url) => (url === PATH ? url : '') })
  return policy.createScriptURL(PATH)
}
