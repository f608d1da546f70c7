import { type Message, newId } from '#contract'
import { articleHtml } from '../../web/lib/article.ts'
import { UNTITLED } from '../../web/lib/words.ts'
import type { PageAssets } from './assets.ts'
import { escape, loads, page } from './documents.ts'

/** A shared room, whole without a script; with one it goes live. `path` is that of the page; `mine`: the reader has rooms of their own here. */
export function shareDocument(options: {
  assets: PageAssets
  path: string
  title: string
  messages: readonly { readonly message: Message; readonly text: string }[]
  earlierId: string | null
  newest: boolean
  mine: boolean
}): string {
  const { assets, path, title, messages, earlierId, newest, mine } = options
  const name = escape(title || UNTITLED)
  const earlier =
    earlierId === null ? '' : `<p class="shared-earlier"><a href="${path}?to=${encodeURIComponent(earlierId)}">Earlier messages</a></p>\n`
  const later = newest ? '' : `<p class="shared-earlier"><a href="${path}">Newest messages</a></p>\n`
  const copy = mine
    ? `<form method="post" action="${path}/copy"><input type="hidden" name="id" value="${newId()}"><button class="button">Continue in a room of my own</button></form>`
    : ''
  return page({
    title: `${title || UNTITLED} · Confab`,
    head: loads(assets),
    body: `<body class="shared">
<header class="shared-head">
<img src="/favicon.svg" width="28" height="28" alt="">
<div class="shared-words"><h1>${name}</h1><p class="faint"><span>Shared to read</span><span role="status" data-connection="offline"></span></p></div>
${copy}
</header>
<main>
<div class="column">
${earlier}<div role="log" aria-label="Messages" aria-live="off" data-shared>
${messages.map(({ message, text }) => articleHtml(message, text)).join('')}</div>
${messages.length === 0 ? '<p class="faint">Nothing has been said here yet.</p>\n' : ''}${later}</div>
</main>
</body>`,
  })
}
