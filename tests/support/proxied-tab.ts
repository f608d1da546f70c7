import { WIRE } from '#contract'
import { createStore, type Store } from '../../web/store/store.ts'
import { start } from '../../web/sync/engine.ts'
import type { Locks } from '../../web/sync/locks.ts'
import { Socket } from '../../web/sync/socket.ts'
import { type ChaosProxy, startChaosProxy } from './chaos-proxy.ts'

/* The product's own client, without its islands, over real sockets: each tab has a network of its own that a test spoils. */

/** Quicker than in a browser, since a test has no hours: how soon a path is found dead that says nothing. */
const EVERY_MS = 1_000
const DEAD_MS = 700

export type ProxiedTab = {
  readonly store: Store
  readonly network: ChaosProxy
  /** The browser says that the network is back. */
  online(): void
  goTo(conversationId: string | null): void
  stop(): Promise<void>
}

const cookies = new Map<string, string>()

/** Lets websocket-ts, which knows nothing but an address, open sockets with the cookie and origin that a browser would send. Returns its undo. */
export function sendCookies(): () => void {
  const Plain = globalThis.WebSocket
  class WithCookie extends Plain {
    constructor(...[url, options]: ConstructorParameters<typeof Plain>) {
      const { host } = new URL(url)
      const cookie = cookies.get(host)
      // Bun's WebSocket takes headers where the browser's type has protocols.
      super(url, cookie === undefined ? options : ({ headers: { cookie, origin: `http://${host}` } } as unknown as string[]))
    }
  }
  globalThis.WebSocket = WithCookie
  return () => void (globalThis.WebSocket = Plain)
}

/** A tab of a signed-in person. Tabs of one person share the rows, as those of one browser do; `locks` has to be the same for them. */
export async function openProxiedTab(options: {
  server: { readonly port: number }
  person: { readonly id: string }
  cookie: string
  locks: Locks
  random: () => number
}): Promise<ProxiedTab> {
  const network = await startChaosProxy({ port: options.server.port })
  const host = `127.0.0.1:${network.port}`
  cookies.set(host, options.cookie)
  const store = createStore(options.person.id)
  const browser = new EventTarget()
  const listeners = new Set<() => void>()
  let current: string | null = null
  const { random } = options
  const stop = start(store, {
    transport: (clock) =>
      new Socket({
        clock,
        url: `ws://${host}/rpc?wire=${WIRE}`,
        random,
        everyMs: EVERY_MS,
        deadMs: DEAD_MS,
        connectMs: 1_500,
        signals: { window: browser },
      }),
    route: {
      current: () => current,
      onChange(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    random,
    locks: options.locks,
    onSignedOut: () => undefined,
    signOut: async () => true,
  })
  return {
    store,
    network,
    online: () => void browser.dispatchEvent(new Event('online')),
    goTo(id) {
      current = id
      for (const listener of listeners) listener()
    },
    async stop() {
      stop()
      cookies.delete(host)
      await network.stop()
    },
  }
}
