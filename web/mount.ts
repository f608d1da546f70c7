import { type Component, mount } from 'svelte'
import Boundary from './boundary.svelte'

const ISLANDS = import.meta.glob<{ default: Component }>('./islands/*.svelte')

/** Mounts every `data-island` of the page, each in its own boundary: one that breaks leaves the others alone. */
export function mountIslands(page: ParentNode): void {
  const places = [...page.querySelectorAll<HTMLElement>('[data-island]')].map((place) => ({ place, load: loader(place.dataset.island) }))
  for (const { place, load } of places) void fill(place, load)
}

function loader(name: string | undefined): () => Promise<{ default: Component }> {
  const load = ISLANDS[`./islands/${name}.svelte`]
  if (!load) throw new Error(`There is no island "${name}" in web/islands`)
  return load
}

// What the server has printed in the place stays until there is something better.
async function fill(place: HTMLElement, load: () => Promise<{ default: Component }>): Promise<void> {
  const island = await load().then(
    (module) => module.default,
    (error: unknown) => {
      reportError(error)
      return null
    },
  )
  place.replaceChildren()
  mount(Boundary, { target: place, props: { island } })
}
