/**
 * What does not belong on a page of ours, each in a sentence: of these elements, or of the whole document. Runs in the page, so it is whole in itself.
 * Inside of a message's text nothing is allowed but what Markdown is made of; elsewhere, nothing that runs, loads, frames or leads away.
 */
export function findStrangers(elements: Iterable<Element> | null): string[] {
  const MARKDOWN: Record<string, readonly string[]> = {
    a: ['href', 'target', 'rel'],
    button: ['type', 'class', 'data-code', 'data-footnote', 'data-footnote-mark', 'aria-pressed', 'aria-expanded', 'aria-label'],
    code: ['data-language', 'data-coloured', 'class'],
    div: ['class', 'dir', 'tabindex', 'data-math', 'data-drawn', 'data-failed', 'data-diagram', 'data-folded'],
    iframe: ['class', 'title', 'sandbox', 'src', 'style'],
    li: ['value', 'tabindex'],
    ol: ['start'],
    p: ['class'],
    pre: ['class', 'tabindex'],
    section: ['class', 'aria-label'],
    span: ['class', 'data-math', 'data-drawn', 'data-failed'],
    td: ['align'],
    th: ['align'],
  }
  const BARE = /^(blockquote|br|del|em|h[2-6]|hr|strong|sup|table|tbody|thead|tr|ul)$/
  const CLASS =
    /^(as-written|block|code|code-bar|code-more|diagram|done|fence|footnotes?|math|quiet|table|task|hljs-[\w-]+|language-[\w-]+|[a-z]+_+)$/
  const NEVER =
    /^(animate|animatemotion|animatetransform|applet|area|audio|base|bgsound|body|embed|fencedframe|feimage|foreignobject|frame|frameset|html|iframe|image|isindex|keygen|layer|map|marquee|math|object|picture|plaintext|portal|set|source|style|template|track|use|video|xmp)$/
  // Formulas are made by a library, of nothing but these.
  const FORMULA =
    /^(annotation|math|menclose|mfrac|mi|mmultiscripts|mn|mo|mover|mpadded|mphantom|mroot|mrow|ms|mspace|msqrt|mstyle|msub|msubsup|msup|mtable|mtd|mtext|mtr|munder|munderover|none|semantics)$/
  const URLS = /^(action|background|cite|data|formaction|href|longdesc|manifest|ping|poster|profile|src|srcset|xlink:href)$/
  const OUT = /^(https?|mailto):$/
  const found: string[] = []

  for (const element of elements ?? document.querySelectorAll('*')) {
    const name = element.localName.toLowerCase()
    const complain = (what: string) => found.push(`${what} in ${element.outerHTML.slice(0, 200)}`)
    const inHead = element.parentElement === document.head
    const ours = (value: string) => URL.canParse(value, location.href) && new URL(value, location.href).origin === location.origin

    const inFormula = element.closest('[data-part="text"] .math > math') !== null
    // It has no origin, and no way to this page or to anywhere else.
    const diagram = name === 'iframe' && element.matches('.code > iframe.diagram[sandbox="allow-scripts"][src="/diagram"]')

    if (inFormula && FORMULA.test(name)) {
      for (const { name: attribute, value } of element.attributes)
        if (/^(on|style$|href|src|is$|xlink)/i.test(attribute) || value.includes('://'))
          if (attribute !== 'xmlns') complain(`${attribute} in a formula`)
      continue
    }
    if (NEVER.test(name) && !diagram && element !== document.documentElement && element !== document.body) complain(name)
    if (/^(link|meta|script|title)$/.test(name) && !inHead && !(name === 'title' && element.closest('svg')))
      complain(`${name} outside of the head`)
    const look = element.matches('script[src^="/assets/look-"]:not([type])')
    if (name === 'script' && (element.textContent !== '' || (element.getAttribute('type') !== 'module' && !look))) complain('script')
    if (name === 'link' && !/^(stylesheet|modulepreload|icon|apple-touch-icon|manifest)$/.test(element.getAttribute('rel') ?? ''))
      complain('link')
    if (name === 'meta' && element.hasAttribute('http-equiv')) complain('meta')
    for (const { name: attribute, value } of element.attributes) {
      const lower = attribute.toLowerCase()
      if (lower.startsWith('on') || lower === 'srcdoc' || lower === 'is' || lower === 'ping') complain(attribute)
      if (lower === 'style' && !diagram && element.closest('[role="log"]')) complain('style')
      if (URLS.test(lower) && !(name === 'a' && OUT.test(new URL(value, location.href).protocol)) && !ours(value)) complain(attribute)
    }
    if (!element.parentElement?.closest('[data-part="text"]')) continue
    const allowed = MARKDOWN[name] ?? (BARE.test(name) ? [] : null)
    if (allowed === null) complain(`${name} in a text`)
    for (const { name: attribute } of element.attributes) if (allowed?.includes(attribute) === false) complain(`${attribute} in a text`)
    for (const part of element.classList) if (!CLASS.test(part)) complain(`class ${part} in a text`)
    if (name === 'a' && element.getAttribute('rel') !== 'noopener noreferrer nofollow') complain('rel')
    if (name === 'a' && ours(element.getAttribute('href') ?? '')) complain('an address of ours in a text')
  }
  return found
}
