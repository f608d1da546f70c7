import { preview, type Reply } from '#contract'
import { failureSentence } from './failure-sentences.ts'

const MAX_LENGTH = 600

/** What is read aloud when a reply has ended: its text without the marks of Markdown, or why there is none. */
export function announcement(reply: Reply, name: string): string {
  const spoken = preview(reply.text.replace(/^[ \t]*(#{1,6} |>|[-*+] |```.*$)/gm, '').replace(/[*_`|]+/g, ''), MAX_LENGTH)
  switch (reply.state) {
    case 'queued':
    case 'streaming':
      return ''
    case 'complete':
      return `${name} has answered: ${spoken}`
    case 'stopped':
      return `The answer was stopped${reply.stoppedBy ? ` by ${reply.stoppedBy.name}` : ''}.`
    case 'failed':
      return failureSentence(reply.failure ?? { code: 'internal' })
    case 'interrupted':
      return failureSentence(reply.failure ?? { code: 'restarted' })
  }
}
