// oxlint-disable-next-line no-restricted-imports, import/default -- Vite's word for the address of a worker: nothing of it is loaded here
import address from '../search-worker.ts?worker&url'
import { trusted } from './trusted.ts'

let made: { createScriptURL: (url: string) => string } | null = null

/** The worker that looks through the texts of the device, by an address that the page's policy allows. */
export function startSearchWorker(): Worker {
  made ??= trusted('confab-search', { createScriptURL: (url: string) => (url === address ? url : '') })
  return new Worker(made.createScriptURL(address), { type: 'module', name: 'search' })
}
