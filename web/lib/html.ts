type Policy = { createHTML(html: string): string }

declare global {
  var trustedTypes: { createPolicy(name: string, rules: Policy): Policy } | undefined
}

let policy: Policy | undefined

/**
 * The only place that turns a string into elements. `html` has to come from the escaping renderer in markdown.ts or from the
 * highlighter, which escapes what it is given: nothing else may call this.
 */
export function putHtml(element: Element, html: string): void {
  policy ??= globalThis.trustedTypes?.createPolicy('confab-markdown', { createHTML: (safe) => safe }) ?? { createHTML: (safe) => safe }
  element.innerHTML = policy.createHTML(html)
}
