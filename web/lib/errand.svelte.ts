import { untrack } from 'svelte'
import { refusedOf } from './refused.ts'
import { refusedSentence } from './refused-sentences.ts'

/** A call that somebody waits for: whether it is under way, and why the last one failed, as a sentence. */
export class Errand {
  #running = $state(0)
  problem = $state('')

  get busy(): boolean {
    return this.#running > 0
  }

  /** Never rejects. False when the work failed; `words` says why. */
  async run(work: () => Promise<unknown>, words = (error: unknown) => refusedSentence(refusedOf(error))): Promise<boolean> {
    // An effect may begin it, and must not begin it again because it has begun.
    untrack(() => this.#running++)
    this.problem = ''
    try {
      await work()
      return true
    } catch (error) {
      this.problem = words(error)
      return false
    } finally {
      this.#running--
    }
  }
}
