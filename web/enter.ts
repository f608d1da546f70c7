import { LIMITS } from '#contract'
import { type EnterError, enterSentence } from './lib/sentences.ts'
import './styles/enter.css'

const ERRORS: readonly EnterError[] = ['link_spent', 'name_needed', 'too_many', 'foreign_origin', 'bad_request']

/** The token of the link. It is taken out of the address at once, so that it stays neither in the history nor on the screen. */
function takeToken(): string {
  const token = location.hash.slice(1)
  if (token !== '') history.replaceState(null, '', location.pathname)
  return token
}

async function enter(token: string, name: string): Promise<EnterError | null> {
  try {
    const body = JSON.stringify(name === '' ? { token } : { token, name })
    const answer = await fetch('/auth/enter', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    if (answer.ok) return null
    const { error }: { error?: unknown } = await answer.json()
    return ERRORS.find((known) => known === error) ?? 'unreachable'
  } catch {
    return 'unreachable'
  }
}

function explain(place: HTMLElement): void {
  const how = element('p', 'This is a private room for people and Gemini. To come in you need a link.')
  const command = document.createElement('p')
  command.append('Whoever runs this server gets one with ', element('code', 'bun run link'), ' in its folder. Open it in this browser.')
  place.replaceChildren(how, command)
}

function showForm(place: HTMLElement, token: string, askName: boolean): void {
  const welcome = element('p', askName ? 'Nobody owns this Confab yet: it will be yours.' : 'Your link is ready.')
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
  form.append(button, sentence)
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    button.disabled = true
    sentence.textContent = ''
    const error = await enter(token, label.isConnected ? name.value.trim() : '')
    if (error === null) return location.assign('/')
    button.disabled = false
    sentence.textContent = enterSentence(error)
    // The words above say that the link is good.
    if (error === 'link_spent') welcome.remove()
    if (error === 'name_needed') askForName()
  })
  place.replaceChildren(welcome, form)
  if (askName) askForName()
  else button.focus()
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, text: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  made.textContent = text
  return made
}

function start(): void {
  const place = document.getElementById('enter')
  if (!place) return
  const token = takeToken()
  if (token === '') explain(place)
  else showForm(place, token, document.body.dataset['owner'] !== 'true')
}

// A link that is opened while this page is shown changes only the fragment, which loads nothing.
addEventListener('hashchange', () => location.hash.length > 1 && start())
start()
