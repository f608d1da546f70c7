import { isOpen, type Message } from '#contract'
import { escapeAll } from './escape.ts'
import { markdownBlocks } from './markdown.ts'
import { colourOf, initials } from './person-look.ts'
import { pieces } from './plain-text.ts'
import { failureSentence } from './failure-sentences.ts'
import { modelName } from './words.ts'

/*
 * A message of a shared room as HTML in which nothing of its text is markup. The server prints it with the page, for readers without scripts, and the
 * page's own script uses the same for what comes later.
 */

export function articleHtml(message: Message, text: string): string {
  const reply = message.kind === 'reply'
  const name = reply ? modelName(message.model, false) : message.author.name
  const look = reply ? 'avatar-model' : `avatar-${colourOf(message.author.id)}`
  const at = new Date(message.createdAt).toISOString()
  return `<article class="message ${reply ? 'model' : 'user'}" data-message-id="${escapeAll(message.id)}" data-role="${reply ? 'model' : 'user'}" data-state="${reply ? message.state : 'sent'}"${reply && isOpen(message.state) ? ' aria-busy="true"' : ''}>
<span class="avatar ${look}" aria-hidden="true">${escapeAll(reply ? name.slice(0, 1) : initials(name))}</span>
<header><strong>${escapeAll(name)}</strong><time class="faint" datetime="${at}">${at.slice(0, 10)} ${at.slice(11, 16)} UTC</time></header>
<div class="message-body">${reply ? `<div class="markdown" data-part="text">${blocksHtml(text)}</div>` : plainHtml(text)}${noticeHtml(message)}</div>
</article>
`
}

// As the page's script divides it.
function blocksHtml(text: string): string {
  return markdownBlocks(text)
    .map((html) => `<div class="block" dir="auto">${html}</div>`)
    .join('')
}

/** What is said below a message about its end; empty when there is nothing to say. */
export function noticeHtml(message: Message): string {
  if (message.kind !== 'reply') return ''
  switch (message.state) {
    case 'queued':
    case 'streaming':
      return '<p class="progress" data-part="notice"><span class="dot"></span>writing</p>'
    case 'stopped':
      return notice('Stopped.')
    case 'failed':
      return notice(failureSentence(message.failure ?? { code: 'internal' }))
    case 'interrupted':
      return notice(failureSentence(message.failure ?? { code: 'restarted' }))
    case 'complete':
      return message.truncated ? notice('The answer reached the length limit of the model.') : ''
  }
}

function notice(sentence: string): string {
  return `<div class="notice" data-part="notice"><p>${escapeAll(sentence)}</p></div>`
}

function plainHtml(text: string): string {
  const shown = pieces(text).map((piece) => {
    switch (piece.kind) {
      case 'text':
        return escapeAll(piece.text)
      case 'link':
        return `<a href="${escapeAll(piece.href)}" target="_blank" rel="noopener noreferrer nofollow">${escapeAll(piece.text)}</a>`
      case 'code':
        return `<code>${escapeAll(piece.text)}</code>`
      case 'fence':
        return `<pre class="fence">${escapeAll(piece.text)}</pre>`
    }
  })
  return `<div class="plain" data-part="text">${shown.join('')}</div>`
}
