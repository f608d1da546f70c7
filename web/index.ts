import './styles/index.css'
import { WIRE } from '#contract'
import { currentConversation, go, onRouteChange } from './lib/route.svelte.ts'
import { mountIslands } from './mount.ts'
import { newConversation } from './store/commands.ts'
import { conversations } from './store/queries.ts'
import { openStore, type Store } from './store/store.ts'
import { start } from './sync/engine.ts'
import { Socket } from './sync/socket.ts'

/** Without an answer of the server for so long, the first room is made on this device. */
const LANDING_MS = 3_000

const personId = document.body.dataset.person
if (personId) open(personId)
else location.assign('/enter')

function open(person: string): void {
  const store = openStore(person)
  start(store, {
    transport: (clock) => new Socket({ clock, url: () => `${location.origin.replace(/^http/, 'ws')}/rpc?wire=${WIRE}`, hasSession }),
    route: { current: currentConversation, onChange: onRouteChange },
    hasNetwork: () => navigator.onLine,
    onSignedOut: () => location.assign('/enter'),
    signOut: async () => {
      const answer = await fetch('/auth/leave', { method: 'POST' })
      // 401: the session had ended already.
      return answer.ok || answer.status === 401
    },
  })
  mountIslands(document)
  void land(store)
}

// Without a session the server leads every page to the entrance.
async function hasSession(): Promise<boolean> {
  return (await fetch('/', { redirect: 'manual' })).type !== 'opaqueredirect'
}

/** The address of no room leads to the newest one, or to a new one when there is none. */
async function land(store: Store): Promise<void> {
  if (currentConversation() !== null || location.pathname !== '/') return
  let [newest] = await conversations()
  if (!newest) {
    await firstAnswer(store)
    newest = (await conversations())[0]
  }
  if (currentConversation() === null) go(newest?.id ?? (await newConversation()), 'replace')
}

function firstAnswer({ connection }: Store): Promise<void> {
  return new Promise((resolve) => {
    const unwatch = connection.watch(done)
    const timer = setTimeout(done, LANDING_MS)
    function done(): void {
      if (connection.current === 'connecting') return
      unwatch()
      clearTimeout(timer)
      resolve()
    }
  })
}
