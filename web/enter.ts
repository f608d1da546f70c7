import { LIMITS } from '#contract'
import { pageFacts } from './lib/page.ts'
import { type EnterError, enterSentence, type Opening, REFUSALS, welcomeSentence } from './lib/enter-sentences.ts'
import { hasPasskeys, passkeySentence, usePasskey } from './lib/passkeys.ts'
import './styles/enter.css'

/** Without word of what the link opens for so long, the form is shown all the same: entering asks for a name if it needs one. */
const LOOK_MS = 4_000

/** The token of the link. It is taken out of the address at once, so that it stays neither in the history nor on the screen. */
function takeToken(): string {
  const token = location.hash.slice(1)
  if (token !== '') history.replaceState(null, '', location.pathname)
  return token
}

/** What the link would do, which spends nothing: whether a name is needed has to be known before the form is shown. */
async function look(token: string): Promise<Opening | EnterError> {
  const answer = await post('/auth/look', { token }, AbortSignal.timeout(LOOK_MS))
  if (typeof answer === 'string') return answer
  const { kind, name, by } = answer
  return (kind === 'claim' || kind === 'device' || kind === 'invite') && (name === null || typeof name === 'string')
    ? { kind, name, ...(typeof by === 'string' && { by }) }
    : 'unreachable'
}

/** Enters; the address to go on to, or why not. */
async function enter(token: string, name: string): Promise<{ to: string } | EnterError> {
  const answer = await post('/auth/enter', name === '' ? { token } : { token, name })
  if (typeof answer === 'string') return answer
  return { to: typeof answer.conversationId === 'string' ? `/c/${answer.conversationId}` : '/' }
}

async function post(path: string, input: object, signal?: AbortSignal): Promise<Record<string, unknown> | EnterError> {
  try {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(input), signal: signal ?? null })
    const output: Record<string, unknown> = await answer.json()
    return answer.ok ? output : (REFUSALS.find((known) => known === output['error']) ?? 'unreachable')
  } catch {
    return 'unreachable'
  }
}

function explain(place: HTMLElement): void {
  const key = mayHavePasskey() ? 'a link or your passkey' : 'a link'
  const how = element('p', `This is a private room for people and Gemini. To come in you need ${key}.`)
  const command = document.createElement('p')
  command.append('Whoever runs this server gets a link with ', element('code', 'bun run link'), ' in its folder. Open it in this browser.')
  command.className = 'hint'
  place.replaceChildren(how, command)
  void offerAnotherWay(how)
}

/** For whoever has no link that is any good: back to where they are signed in, or in by a passkey. */
async function offerAnotherWay(after: HTMLElement): Promise<void> {
  if (!(await isSignedIn())) return offerPasskey(after, 'primary', () => location.assign('/'))
  const link = element('a', 'Go to your conversations')
  Object.assign(link, { className: 'button primary', href: '/' })
  const line = document.createElement('p')
  line.append(link)
  after.after(line)
}

/** Without a session the server would lead them back here. */
async function isSignedIn(): Promise<boolean> {
  if (pageFacts().personId === '') return false
  const room = await fetch('/', { redirect: 'manual' }).catch(() => null)
  return room?.ok === true
}

/** Whether server and browser have them. */
function mayHavePasskey(): boolean {
  return document.body.dataset['passkeys'] === 'true' && hasPasskeys()
}

/** Signs in by a passkey. */
function offerPasskey(after: HTMLElement, look: 'primary' | '', whenIn: () => void): void {
  if (!mayHavePasskey()) return
  const way = element('div', '')
  way.className = 'way'
  const button = element('button', 'Use a passkey')
  button.className = `button ${look}`
  const sentence = element('p', '')
  sentence.className = 'problem'
  sentence.setAttribute('role', 'alert')
  const signIn = async () => {
    const question = await post('/auth/passkey/ask', {})
    const answer = typeof question === 'string' ? question : await post('/auth/passkey/enter', await usePasskey(question))
    if (typeof answer === 'object') whenIn()
    else sentence.textContent = enterSentence(answer, 'passkey')
  }
  button.addEventListener('click', async () => {
    button.disabled = true
    sentence.textContent = ''
    await signIn().catch((error: unknown) => (sentence.textContent = passkeySentence(error, 'using')))
    button.disabled = false
  })
  way.append(button, sentence)
  after.after(way)
}

/** `opening` null: it is not known. A link that opens nothing may be tried all the same: whoever made it may have changed their mind. */
function showForm(place: HTMLElement, token: string, opening: Opening | 'link_spent' | null): void {
  const welcome = element('p', opening === 'link_spent' ? '' : welcomeSentence(opening))
  const form = document.createElement('form')
  const label = element('label', 'Your name')
  const name = document.createElement('input')
  Object.assign(name, { className: 'box', autocomplete: 'name', maxLength: LIMITS.nameLength, required: true })
  label.append(name)
  const button = element('button', 'Enter')
  button.className = 'button primary'
  const sentence = element('p', '')
  sentence.className = 'problem'
  sentence.setAttribute('role', 'alert')

  const askForName = () => {
    if (!label.isConnected) form.prepend(label)
    name.focus()
  }
  const refuse = (error: EnterError) => {
    sentence.textContent = enterSentence(error)
    if (error === 'name_needed') askForName()
    if (error !== 'link_spent') return
    form.prepend(sentence)
    button.className = 'button'
    button.textContent = 'Try again'
    // The words above say that the link is good.
    if (!welcome.isConnected) return
    welcome.remove()
    void offerAnotherWay(form)
  }
  form.append(button, sentence)
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    button.disabled = true
    sentence.textContent = ''
    const answer = await enter(token, label.isConnected ? name.value.trim() : '')
    if (typeof answer === 'object') return location.assign(answer.to)
    button.disabled = false
    refuse(answer)
  })
  place.replaceChildren(welcome, form)
  if (opening === 'link_spent') refuse(opening)
  else if (opening ? opening.name === null : document.body.dataset['owner'] !== 'true') askForName()
  else button.focus()
  // Somebody who is known here, in a browser that does not know them: they come in as who they are, not as one more guest.
  if (typeof opening === 'object' && opening?.kind === 'invite' && opening.name === null) offerPasskey(form, '', () => void start(token))
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, text: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  made.textContent = text
  return made
}

async function start(token = takeToken()): Promise<void> {
  const place = document.getElementById('enter')
  if (!place) return
  if (token === '') return explain(place)
  const found = await look(token)
  showForm(place, token, typeof found === 'object' || found === 'link_spent' ? found : null)
}

// A link that is opened while this page is shown changes only the fragment, which loads nothing.
addEventListener('hashchange', () => location.hash.length > 1 && void start())
void start()
