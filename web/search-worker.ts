import { terms } from '#contract'
import { Database } from './store/database.ts'
import { SearchTexts } from './store/search-texts.ts'
import type { SearchAnswer, SearchQuestion } from './lib/search-messages.ts'

/* Looks through the texts of the device, where no key press has to wait for it. It reads the store and never writes. */

const HITS = 30

let texts: SearchTexts | null = null

addEventListener('message', ({ data }: MessageEvent<SearchQuestion>) => {
  if (data.kind === 'open') {
    texts = new SearchTexts(new Database(data.personId))
    texts.start(() => answer({ kind: 'changed' }))
    return
  }
  answer({ kind: 'found', query: data.query, hits: texts?.find(terms(data.query), HITS) ?? [] })
})

function answer(message: SearchAnswer): void {
  postMessage(message)
}
