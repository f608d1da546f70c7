/** Texts for the emulated model: the same seed gives the same text, in every process. */

const SUBJECTS = [
  'The server',
  'A tab',
  'Each room',
  'The journal',
  'One reader',
  'A quiet client',
  'The next chunk',
  'Every device',
  'A short note',
  'The queue',
]
const VERBS = ['keeps', 'follows', 'shows', 'stores', 'repeats', 'opens', 'waits for', 'remembers', 'carries', 'joins']
const OBJECTS = [
  'the same words',
  'a small row',
  'what was said',
  'the newest line',
  'a long answer',
  'two thoughts',
  'the last revision',
  'one more piece',
  'a **bold** idea',
  'the `offset`',
]
const ENDINGS = [
  'at once',
  'without a gap',
  'in order',
  'on every screen',
  'until the end',
  'as it came',
  'before anybody asks',
  'after a reload',
]

/** Numbers from 0 (inclusive) to 1 (exclusive), the same ones for the same seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A seed that depends on every character of the text. */
export function seedOf(text: string): number {
  let hash = 2_166_136_261
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 16_777_619)
  return hash >>> 0
}

/** Readable Markdown of at least `units` UTF-16 units: paragraphs, now and then a heading, a list or code. */
export function markdown(seed: number, units: number): string {
  const next = random(seed)
  const pick = (list: readonly string[]) => list[Math.floor(next() * list.length)] ?? ''
  const sentence = () => `${pick(SUBJECTS)} ${pick(VERBS)} ${pick(OBJECTS)} ${pick(ENDINGS)}.`
  const sentences = (count: number) => Array.from({ length: count }, sentence).join(' ')
  const blocks = [sentences(2)]
  let length = blocks[0]?.length ?? 0
  while (length < units) {
    const kind = next()
    let block = sentences(2 + Math.floor(next() * 3))
    if (kind < 0.15) block = `## ${pick(SUBJECTS)} ${pick(ENDINGS)}\n\n${block}`
    else if (kind < 0.35) block = Array.from({ length: 3 }, () => `- ${sentence()}`).join('\n')
    else if (kind < 0.45)
      block =
        '```ts\n' +
        `const answer = await room.join(${Math.floor(next() * 1000)})\nif (answer.text < ending && !done) show(answer)\n` +
        '```'
    blocks.push(block)
    length += block.length + 2
  }
  return blocks.join('\n\n')
}

export const SAMPLES = {
  code: 'Here is a function:\n\n```ts\nexport function add(left: number, right: number): number {\n  return left + right // <not> "HTML" & \'not\' text\n}\n```\n\nAnd the same in Python:\n\n```python\ndef add(left, right):\n    return left + right\n```\n\nBoth add two numbers.',
  cjk: '你好！这是一个逐字显示的回答，用来检查每一个字符都没有丢失。\n\n日本語の文章も、ここに続きます。「確認」してください。\n\n한국어 문장도 있습니다. 모든 탭에서 같은 내용이 보여야 합니다。',
  emoji: 'Family 👨‍👩‍👧‍👦, astronaut 👩🏽‍🚀, flag 🏳️‍🌈, country 🇨🇭, keycap 7️⃣, clef 𝄞, and a heart ❤️‍🔥 at the end 🎉.',
  rtl: 'مرحبا! هذه إجابة قصيرة تُكتب من اليمين إلى اليسار.\n\nשלום! גם זה משפט מימין לשמאל, עם המילה Confab באמצע.',
  list: 'Three things to know:\n\n1. The first one is short.\n2. The second has parts:\n   - this one,\n   - and that one.\n3. The third is the last.\n\n| part | state |\n| --- | --- |\n| server | ready |\n| tab | open |',
  spaces: 'A line separator \u2028, a paragraph separator \u2029, a no-break space \u00a0, a tab \t, and a mark \ufeff in the middle.',
} as const

/** Uneven pieces of 8 to 60 characters, never half of one; `units`: pieces of exactly this many UTF-16 units, halves included. */
export function cutText(text: string, seed: number, units: number | null): string[] {
  if (units !== null)
    return Array.from({ length: Math.ceil(text.length / units) }, (_, index) => text.slice(index * units, (index + 1) * units))
  const next = random(seed)
  const characters = Array.from(text)
  const pieces: string[] = []
  for (let at = 0; at < characters.length;) {
    const length = 8 + Math.floor(next() * 53)
    pieces.push(characters.slice(at, at + length).join(''))
    at += length
  }
  return pieces
}

/** Believable, not exact: four ASCII characters are a token, and so is every other character. */
export function tokensOf(text: string): number {
  let ascii = 0
  let others = 0
  for (const character of text) {
    if (character <= '\u007f') ascii++
    else others++
  }
  return Math.ceil(ascii / 4) + others
}
