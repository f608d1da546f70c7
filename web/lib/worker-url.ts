import { trusted } from './trusted.ts'

const PATH = '/worker.js'

/** Called once. The address of the service worker as the page's policy wants it: the only script that the page itself does not name. */
export function workerUrl(): string {
  return trusted('confab-worker', { createScriptURL: (url: string) => (url === PATH ? url : '') }).createScriptURL(PATH)
}
