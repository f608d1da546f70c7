import { expect, test } from 'bun:test'
import { storable } from '#contract'
import { createPieces } from '../../server/replies/pieces.ts'

function run(chunks: string[]): { shown: string[]; whole: string } {
  const pieces = createPieces(storable)
  const shown = [...chunks.map((chunk) => pieces.push(chunk)), pieces.rest()]
  return { shown, whole: shown.join('') }
}

test('a surrogate pair that was cut between two chunks is shown whole', () => {
  const text = 'é👩‍🚀𝄞日本'
  for (let cut = 0; cut <= text.length; cut++) {
    const { shown, whole } = run([text.slice(0, cut), text.slice(cut)])
    expect(whole).toBe(text)
    for (const piece of shown) expect(piece.isWellFormed()).toBe(true)
  }
})

test('a half that stays alone, and U+0000, become U+FFFD and keep their place', () => {
  expect(run(['a\uD83D', 'b']).whole).toBe('a\uFFFDb')
  expect(run(['a\uD83D']).whole).toBe('a\uFFFD')
  expect(run(['\uDE80a', '\0']).whole).toBe('\uFFFDa\uFFFD')
})
