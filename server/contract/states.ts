import type { ReplyState } from './records.ts'

/** True while a reply still waits or grows; false when it has ended, well or not. */
export function isOpen(state: ReplyState): boolean {
  switch (state) {
    case 'queued':
    case 'streaming':
      return true
    case 'complete':
    case 'stopped':
    case 'failed':
    case 'interrupted':
      return false
  }
}
