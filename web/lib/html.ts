import { trusted } from './trusted.ts'

let policy: { createHTML(html: string): string } | undefined

/**
 * The only place that turns a string into elements. `html` has to come from the escaping renderer in markdown.ts or from the
 * highlighter, which escapes what it is given: nothing else may call this, but for the frame of a diagram, which has nothing to lose.
 */
export function putHtml(element: Element, html: string): void {
  policy ??= trusted('confab-markdown', { createHTML: (safe: string) => safe })
  element.innerHTML = policy.createHTML(html)
}

/** The elements inside of another as HTML. */
export function htmlOf(element: Element): string {
  return element.innerHTML
}
