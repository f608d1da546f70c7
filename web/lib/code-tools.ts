import { copyText } from './clipboard.ts'
import { fileName } from './code-files.ts'
import { saveFile } from './save-file.ts'

const SAID_MS = 1_500

/** What the buttons of a block of code do, and those of footnotes: a handler for clicks anywhere in a text. */
export function actOnCode(event: Event): void {
  const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button') : null
  if (!button) return
  const { code: action, footnote, footnoteMark } = button.dataset
  if (footnote !== undefined) return goTo(button, `.footnotes li[value="${Number(footnote)}"]`)
  if (footnoteMark !== undefined) return goTo(button, `[data-footnote="${Number(footnoteMark)}"]`)
  const box = button.closest<HTMLElement>('.code')
  const code = box?.querySelector('code')
  if (!box || !code) return
  switch (action) {
    case 'copy':
      void copyText(code.textContent).then((copied) => say(button, copied ? 'Copied' : 'Not copied', 'Copy'))
      return
    case 'download':
      return saveFile(fileName(code.dataset['language'] ?? ''), code.textContent)
    case 'wrap':
      button.ariaPressed = String(box.toggleAttribute('data-wrap'))
      return
    case 'source':
      button.ariaPressed = String(box.toggleAttribute('data-source'))
      return
    case 'fold':
      leaving?.unobserve(box)
      return box.hasAttribute('data-folded') ? unfold(box) : fold(box)
    case undefined:
      return
  }
}

function goTo(button: HTMLElement, selector: string): void {
  const target = button.closest('[data-part="text"]')?.querySelector<HTMLElement>(selector)
  target?.scrollIntoView({ block: 'nearest' })
  target?.focus({ preventScroll: true })
}

function say(button: HTMLElement, words: string, after: string): void {
  button.textContent = words
  setTimeout(() => (button.textContent = after), SAID_MS)
}

function fold(box: HTMLElement): void {
  const top = box.getBoundingClientRect().top
  box.dataset['folded'] = ''
  label(box, false)
  // Folded by its button at the end, the code would leave the view with it.
  if (top < 0) box.scrollIntoView({ block: 'start' })
  tellScroller(box)
}

// At once: what keeps the transcript still would otherwise take the new height for growth, and undo the way that was made here.
function tellScroller(box: HTMLElement): void {
  box.closest('.scroller')?.dispatchEvent(new Event('scroll'))
}

function unfold(box: HTMLElement): void {
  delete box.dataset['folded']
  label(box, true)
}

function label(box: HTMLElement, open: boolean): void {
  const button = box.querySelector<HTMLButtonElement>('[data-code="fold"]')
  const lines = (box.querySelector('code')?.textContent.split('\n').length ?? 1) - 1
  if (!button) return
  button.ariaExpanded = String(open)
  button.textContent = open ? 'Show fewer lines' : `Show all ${lines} lines`
}

let leaving: IntersectionObserver | null = null

/** Long code that has just been written stays open while it is in view: nothing that is being read may go. It is folded when it has left the view. */
export function foldLater(block: HTMLElement): void {
  for (const box of block.querySelectorAll<HTMLElement>('.code[data-folded]')) {
    const { top, bottom } = box.getBoundingClientRect()
    if (bottom < 0 || top > innerHeight) continue
    unfold(box)
    leaving ??= new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting || !(target instanceof HTMLElement)) continue
        leaving?.unobserve(target)
        target.dataset['folded'] = ''
        label(target, false)
      }
    })
    leaving.observe(box)
  }
}

/** The page is being searched, or text selected, beyond the lines that are shown: a folded block that was scrolled is opened, and what was found stays in view. */
export function unfoldAtMatch({ target }: Event): void {
  if (!(target instanceof HTMLElement) || target.scrollTop === 0) return
  const box = target.closest<HTMLElement>('.code[data-folded]')
  if (!box) return
  const by = target.scrollTop
  unfold(box)
  box.closest('.scroller')?.scrollBy({ top: by, behavior: 'instant' })
  tellScroller(box)
}
