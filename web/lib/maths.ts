import katex, { type KatexOptions } from 'katex'

/** Longer than this nobody writes by hand, and the parser's stack has an end. */
const MAX_LENGTH = 4_000
const KEPT = 500

/*
 * As MathML: it needs neither a style nor a font of its own, which the page would not allow, and screen readers know it. Made as elements, not as
 * HTML. `trust` off: no command may make a link, load a picture or name a class. Two that would set a style are written in others.
 */
const OPTIONS: KatexOptions = { output: 'mathml', throwOnError: true, trust: false, strict: 'ignore', maxExpand: 500, maxSize: 20 }

const STYLELESS = { '\\fcolorbox': '{\\color{#1}}\\boxed{\\colorbox{#2}{#3}}', '\\pmb': '\\boldsymbol{#1}' }

/** By mode and source, what has been drawn before; null: it cannot be. */
const drawn = new Map<string, Element | null>()

/** Makes formulas of the sources in an element. One that is wrong stays as it was written. */
export function drawFormulas(element: HTMLElement): void {
  for (const place of element.querySelectorAll<HTMLElement>('.math:not([data-drawn], [data-failed])')) {
    const made = formula(place.textContent, place.dataset['math'] === 'display')
    if (made) place.replaceChildren(made.cloneNode(true))
    place.setAttribute(made ? 'data-drawn' : 'data-failed', '')
  }
}

function formula(source: string, displayMode: boolean): Element | null {
  const key = `${displayMode} ${source}`
  const known = drawn.get(key)
  if (known !== undefined) return known
  const made = draw(source, displayMode)
  if (drawn.size >= KEPT) drawn.clear()
  drawn.set(key, made)
  return made
}

function draw(source: string, displayMode: boolean): Element | null {
  if (source.length > MAX_LENGTH) return null
  const place = document.createElement('span')
  try {
    // New for every formula: a \gdef must not outlive it.
    katex.render(source, place, { ...OPTIONS, displayMode, macros: { ...STYLELESS } })
    return place.querySelector('math')
  } catch {
    return null
  }
}
