import type { WorkerRequest } from './lib/worker-messages.ts'
import { workerUrl } from './lib/worker-url.ts'
import type { Clock } from './store/clock.ts'
import type { Store } from './store/store.ts'

/** What is being typed is in the store after a third of a second; a page that is loaded anew waits longer than that. */
const QUIET_MS = 600
/** Somebody who goes on typing is not waited for any longer. */
const PATIENCE_MS = 5_000
/** A worker that does not say which build it is of. */
const ANSWER_MS = 2_000
/** A new worker that does not take over: the page is loaded anew all the same. */
const TAKE_OVER_MS = 4_000

export type UpdateParts = {
  /** undefined: the page is not in a secure context, or the browser has no service workers. */
  container: ServiceWorkerContainer | undefined
  /** The build that this page is of. */
  build: string
  /** The build that the server has now; null: it did not say. */
  latest(): Promise<string | null>
  clock: Clock
  /** Where `input` events pass. */
  typing: EventTarget
  reload(): void
}

/**
 * Keeps the service worker, and says so when a newer client waits. It takes over when the reader asks for it, and then every tab that is of
 * an older build is loaded anew. `reload` does that to this tab alone, with what is being typed kept.
 */
export class Updates {
  readonly #store: Store
  readonly #parts: UpdateParts
  #registration: ServiceWorkerRegistration | null = null
  #reloading = false

  constructor(store: Store, parts: UpdateParts) {
    this.#store = store
    this.#parts = parts
    store.requests.on(({ kind }) => {
      if (kind === 'reload') this.#takeOver()
    })
  }

  /** Resolves when the worker is known; rejects when the browser refuses it or cannot get it, and may then be called again. */
  async start(): Promise<void> {
    const { container } = this.#parts
    if (!container) return this.#watchServer()
    // The same function again is no second listener.
    container.addEventListener('controllerchange', this.#controllerChanged)
    const registration = await container.register(workerUrl(), { updateViaCache: 'none' })
    this.#registration = registration
    registration.addEventListener('updatefound', () => this.#follow(registration.installing))
    this.#follow(registration.installing)
    void this.#check()
    // A server that was away may have come back as a newer one.
    this.#store.connection.watch(() => {
      if (this.#store.connection.current === 'online') registration.update().catch(() => undefined)
    })
  }

  /** Without a worker that keeps this page's files, what it has not fetched yet may be gone with the server that it came from. */
  #watchServer(): void {
    const { build, latest } = this.#parts
    this.#store.connection.watch(async () => {
      if (this.#store.connection.current !== 'online') return
      const now = await latest().catch(() => null)
      if (now !== null && now !== build) this.#store.updateReady.set(true)
    })
  }

  /** Loads this page anew as soon as nobody types in it. */
  reload(): void {
    if (this.#reloading) return
    this.#reloading = true
    const { clock, typing, reload } = this.#parts
    const until = clock.now() + PATIENCE_MS
    let cancel = clock.after(QUIET_MS, reload)
    typing.addEventListener('input', () => {
      cancel()
      cancel = clock.after(Math.min(QUIET_MS, until - clock.now()), reload)
    })
  }

  #follow(worker: ServiceWorker | null): void {
    worker?.addEventListener('statechange', () => {
      if (worker.state === 'installed') void this.#check()
    })
  }

  /** The page may be of the newer build already: it came from the server, and only the worker is behind. */
  async #check(): Promise<void> {
    const waiting = this.#registration?.waiting
    if (!waiting) return
    const build = await this.#buildOf(waiting)
    if (build === this.#parts.build) ask(waiting, 'take over when alone')
    else if (build !== null) this.#store.updateReady.set(true)
  }

  readonly #controllerChanged = () => void this.#controlled(this.#parts.container?.controller ?? null)

  async #controlled(worker: ServiceWorker | null): Promise<void> {
    const build = worker && (await this.#buildOf(worker))
    if (build !== null && build !== this.#parts.build) this.reload()
  }

  #takeOver(): void {
    const waiting = this.#registration?.waiting
    if (!waiting) return this.reload()
    // The change of the controller does the rest, here and in the other tabs.
    ask(waiting, 'take over')
    this.#parts.clock.after(TAKE_OVER_MS, () => this.reload())
  }

  #buildOf(worker: ServiceWorker): Promise<string | null> {
    return new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      const done = (build: string | null) => {
        cancel()
        port1.close()
        resolve(build)
      }
      const cancel = this.#parts.clock.after(ANSWER_MS, () => done(null))
      port1.addEventListener('message', ({ data }: MessageEvent<unknown>) => done(typeof data === 'string' ? data : null))
      port1.start()
      ask(worker, 'build', port2)
    })
  }
}

/** As the server prints it into its pages. Rejects when the server is not reached. */
export async function latestBuild(): Promise<string | null> {
  const answer = await fetch('/', { redirect: 'manual' })
  return answer.ok ? (/ data-build="(\w+)"/.exec(await answer.text())?.[1] ?? null) : null
}

function ask(worker: ServiceWorker, request: WorkerRequest, ...ports: MessagePort[]): void {
  worker.postMessage(request, ports)
}
