import './styles/index.css'
import { WIRE } from '#contract'
import { forgetEdits } from './lib/kept-edits.ts'
import { forgetPerson, pageFacts, rememberPerson } from './lib/page.ts'
import { reloadWithOthers } from './lib/other-tabs.ts'
import { askToPersist } from './lib/persistence.ts'
import { listenForShortcuts } from './lib/shortcuts.ts'
import { skipByFocus } from './lib/skip-links.ts'
import { pageSight } from './lib/sight.svelte.ts'
import { currentConversation, go, onRouteChange } from './lib/route.svelte.ts'
import { mountIslands } from './mount.ts'
import { systemClock } from './store/clock.ts'
import { newConversation } from './store/commands.ts'
import { newestRoom } from './store/room-list.ts'
import { openStore, type Store } from './store/store.ts'
import { start } from './sync/engine.ts'
import { Socket } from './sync/socket.ts'
import type { Updates } from './updates.ts'

/** Without an answer of the server for so long, the first room is made on this device. */
const LANDING_MS = 3_000
/** So long after it was loaded, the page has better things to do than to keep its files for another time. */
const SETTLED_MS = 2_000

const facts = pageFacts()
if (facts.personId === '') location.assign('/enter')
else {
  rememberPerson(facts)
  open(facts.personId)
}

function open(person: string): void {
  const store = openStore(person)
  const updates = watchUpdates(store)
  start(store, {
    transport: (clock) => new Socket({ clock, url: () => `${location.origin.replace(/^http/, 'ws')}/rpc?wire=${WIRE}`, hasSession }),
    route: { current: currentConversation, onChange: onRouteChange },
    sight: pageSight,
    hasNetwork: () => navigator.onLine,
    leisure: async () => (await import('./sync/leisure.ts')).browserLeisure,
    onSignedOut: () => leaveFor('/enter'),
    onOtherPerson: () => leaveFor('/'),
    onReplaced: () => void updates.then((watching) => (watching() ?? location).reload()),
    onSent: () => void askToPersist(),
    signOut: async () => {
      const answer = await fetch('/auth/leave', { method: 'POST' })
      // 401: the session had ended already.
      const left = answer.ok || answer.status === 401
      if (left) forgetPerson()
      return left
    },
  })
  reloadWithOthers()
  mountIslands(document)
  skipByFocus()
  listenForShortcuts((deed) => void import('./lib/shortcut-deeds.ts').then(({ doShortcut }) => doShortcut(deed)))
  void land(store)
}

function leaveFor(path: string): void {
  forgetEdits()
  location.assign(path)
}

/** Resolves with what watches, or would if the network that the page came by were still there; then it begins with the next connection. */
async function watchUpdates(store: Store): Promise<() => Updates | null> {
  // The first screen and its first answers come first. Where there is no worker the app is what it was, with a server.
  if (document.readyState !== 'complete') await new Promise((resolve) => addEventListener('load', resolve, { once: true }))
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
  let updates: Updates | null = null
  const begin = async () => {
    const { Updates, latestBuild } = await import('./updates.ts')
    updates ??= new Updates(store, {
      container: 'serviceWorker' in navigator ? navigator.serviceWorker : undefined,
      build: document.body.dataset.build ?? '',
      latest: latestBuild,
      clock: systemClock,
      typing: document,
      reload: () => location.reload(),
    })
    await updates.start()
  }
  const beginLater = () => {
    const unwatch = store.connection.watch(() => {
      if (store.connection.current !== 'online') return
      unwatch()
      begin().catch(beginLater)
    })
  }
  await begin().catch(beginLater)
  return () => updates
}

// Without a session the server leads every page to the entrance.
async function hasSession(): Promise<boolean> {
  return (await fetch('/', { redirect: 'manual' })).type !== 'opaqueredirect'
}

/** The address of no room leads to the newest one, or to a new one when there is none. */
async function land(store: Store): Promise<void> {
  if (currentConversation() !== null || location.pathname !== '/') return
  if (location.search === '?new') return go(await newConversation(), 'replace')
  let newest = await newestRoom()
  if (!newest) {
    await firstAnswer(store)
    newest = await newestRoom()
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
