import { preview } from '#contract'
import type { Turn } from './model.ts'

const QUOTE_LENGTH = 160
const TITLE_WORDS = 7

const ABOUT = `I am Confab's **built-in demo model**. I run on your own server, ask nobody and know nothing: my answers are written in advance, so please do not believe a word about anything but Confab itself. What is real is everything around me: your prompt was stored, and each piece of this text was saved before you saw it.`

const ENGLISH_ONLY = 'I can only write English, whatever the language of the question; Gemini answers in yours.'

const TRY = `While I write, try this:

- **Open this conversation in a second tab** or on another device: both show the same words at the same time.
- **Reload in the middle of an answer**: nothing is lost, and it goes on by itself.
- **Press Stop**, from any tab: what was written stays.`

const KEY = `For real answers, stop the server, put a key into the file \`.env\` beside \`package.json\`, and start it again:

\`\`\`sh
echo 'GEMINI_API_KEY=your-key' >> .env
bun start
\`\`\`

Google hands out keys at [aistudio.google.com/apikey](https://aistudio.google.com/apikey). Your conversations stay where they are.`

const HELLO =
  /^[^\p{L}]*(?:(?:hi|hello|hey|hallo|moin|hola|bonjour|salut|ciao|olá|hej|merhaba|привет|שלום|مرحبا|नमस्ते)(?![\p{L}\p{M}])|你好|您好|こんにちは|안녕)/iu
const CODE = /```|\b(?:code|function|script|regex|sql|html|css|python|javascript|typescript|rust|java|bash|bug|compile)\b/i
const LIST = /\b(?:list|ideas?|steps?|plan|ways|tips|examples?|compare|pros|suggest\w*|top \d+)\b/i

/** The demo's answer: the same for the same talk, a little different for another. */
export function demoAnswer(turns: readonly Turn[]): string {
  const { name, text } = splitSpeaker(turns)
  const you = name === '' ? '' : `, ${quoted(name)}`
  return [opening(you, text), `> ${quoted(text)}`, ...(isForeign(text) ? [ENGLISH_ONLY] : []), ABOUT, TRY, KEY].join('\n\n')
}

/** The beginning of the first prompt: a demo cannot know what it is about. */
export function demoTitle(turns: readonly Turn[]): string {
  const asked = preview(turns[0]?.text ?? '', QUOTE_LENGTH)
  const [sentence = ''] = asked.split(/(?<=[.!?])\s|(?<=[。！？])/u)
  const words = sentence.split(' ')
  if (words.length > TITLE_WORDS) return `${words.slice(0, TITLE_WORDS).join(' ')}…`
  return sentence.replace(/[.!?。！？]+$/u, '') || sentence
}

function opening(you: string, text: string): string {
  if (HELLO.test(text)) return `Hello${you}, and welcome to Confab! This is what reached me:`
  if (CODE.test(text))
    return `You asked for code${you}. I cannot program, but the block further down shows how code looks here. Your prompt arrived:`
  if (LIST.test(text))
    return `You asked for a list${you}. The only one I know by heart is about Confab; it follows below. Your prompt arrived:`
  if (/[?？؟]\s*$/.test(text)) return `A good question${you}, but not one that a demo can answer. It arrived safely, though:`
  return `Thank you${you}. Your prompt arrived:`
}

const SPEAKER = /^([^\n:]{1,40}): ([^]+)$/

/** Who asked what. Names stand before the texts only when several people talk; one "name" alone may be anybody's sentence with a colon. */
function splitSpeaker(turns: readonly Turn[]): { name: string; text: string } {
  const asked = turns.filter((turn) => turn.role === 'user').map((turn) => SPEAKER.exec(turn.text))
  const text = turns.at(-1)?.text ?? ''
  const names = new Set(asked.map((match) => match?.[1]))
  const [, name, spoken] = asked.at(-1) ?? []
  if (names.size < 2 || names.has(undefined) || name === undefined || spoken === undefined) return { name: '', text }
  return { name, text: spoken }
}

/** One line of the text with everything that Markdown would act on taken literally; an address keeps its form, it is a link by itself. */
function quoted(text: string): string {
  return preview(text, QUOTE_LENGTH)
    .split(/(https?:\/\/[\w./?=&%#:@~+-]+)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(/[\\`*_{}[\]<>()#+!|~&$-]/g, '\\$&')))
    .join('')
}

/** True when most letters are not Latin ones. */
function isForeign(text: string): boolean {
  const letters = text.match(/\p{L}/gu) ?? []
  return letters.length > 0 && letters.filter((letter) => !/\p{Script=Latin}/u.test(letter)).length * 2 > letters.length
}
