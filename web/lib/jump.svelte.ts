import type { ScrollKeeper } from './scroll-keeper.ts'

type Target = { readonly id: string }
type Found = 'shown' | 'coming' | 'aside' | 'absent'

type Jumper = {
  /** What the reader wants to see; a new object for every time. */
  target: () => Target | null
  /** What is shown, a new object after every change; null: nothing yet. */
  shown: () => object | null
  /** Makes a message one of those that are shown. */
  show: (id: string) => Promise<Found>
  keeper: () => ScrollKeeper | null
}

/** Goes to a message, also to one that has to be loaded first, and marks it. Made while a component is. */
export class Jump {
  /** What is to be said of a message that cannot be shown. */
  state = $state<'none' | Exclude<Found, 'shown'>>('none')
  #done: Target | null = null

  constructor({ target, shown, show, keeper }: Jumper) {
    $effect(() => {
      const to = target()
      if (!to) this.state = 'none'
      if (!to || !shown() || to === this.#done) return
      if (this.#reach(to, keeper())) return
      // Asked again whenever there are other rows.
      void show(to.id).then((found) => {
        if (target() !== to || to === this.#done) return
        // Its rows may have come while it was asked for, and nothing changes any more after that.
        if (found === 'shown' && this.#reach(to, keeper())) return
        this.state = found === 'shown' ? 'none' : found
        if (found === 'absent' || found === 'aside') this.#done = to
      })
    })
  }

  #reach(to: Target, keeper: ScrollKeeper | null): boolean {
    const article = document.querySelector<HTMLElement>(`article[data-message-id="${to.id}"]`)
    if (!article || !keeper) return false
    this.#done = to
    this.state = 'none'
    keeper.toElement(article)
    // Whoever reads by ear or by keyboard goes on from here.
    if (!article.hasAttribute('tabindex')) article.tabIndex = -1
    article.focus({ preventScroll: true })
    return true
  }
}
