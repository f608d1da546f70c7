import { type Component, mount } from 'svelte'
import Boundary from './boundary.svelte'
import { currentPanel, onPanelChange } from './lib/panels.svelte.ts'

const PANELS = import.meta.glob<Component>('./islands/*-panel.svelte', { import: 'default' })
const ISLANDS = import.meta.glob<Component>(['./islands/*.svelte', '!./islands/*-panel.svelte'], { import: 'default', eager: true })

type Place = { place: HTMLElement; load: () => Promise<Component> }

/**
 * Mounts every `data-island` of the page, each in its own boundary: one that breaks leaves the others alone. A panel, marked
 * `data-when="opened"`, is loaded when it is opened first.
 */
export function mountIslands(page: ParentNode): void {
  const places = [...page.querySelectorAll<HTMLElement>('[data-island]')].map((place) => ({ place, load: loader(place.dataset.island) }))
  const isPanel = ({ place }: Place) => place.dataset.when === 'opened'
  void fillAll(places.filter((place) => !isPanel(place)))
  places.filter(isPanel).forEach(fillWhenOpened)
}

function fillWhenOpened({ place, load }: Place): void {
  const stop = onPanelChange(() => {
    if (place.dataset.island !== `${currentPanel()}-panel`) return
    stop()
    void fill(place, load)
  })
}

/** An unknown name fails where it stands, like an island whose code cannot be loaded. */
function loader(name: string | undefined): () => Promise<Component> {
  const path = `./islands/${name}.svelte`
  const island = ISLANDS[path]
  if (island) return () => Promise.resolve(island)
  return PANELS[path] ?? (() => Promise.reject(new Error(`There is no island "${name}" in web/islands`)))
}

// Each in a task of its own: together they would keep a slow phone from answering the first tap.
async function fillAll(places: readonly Place[]): Promise<void> {
  for (const { place, load } of places) {
    await fill(place, load)
    await new Promise((resolve) => setTimeout(resolve))
  }
}

// What the server has printed in the place stays until there is something better.
async function fill(place: HTMLElement, load: Place['load']): Promise<void> {
  const island = await load().catch((error: unknown) => {
    reportError(error)
    return null
  })
  place.replaceChildren()
  mount(Boundary, { target: place, props: { island } })
}
