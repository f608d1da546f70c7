import { toggleList } from './drawer.ts'
import { focusMessage, messageIn, nextTo } from './message-focus.ts'
import { openPanel } from './panels.svelte.ts'
import type { Deed } from './shortcuts.ts'

/** Does what a shortcut is for: mostly what a button on the page does, so that both are allowed the same. */
export function doShortcut(deed: Deed): void {
  switch (deed) {
    case 'keys':
      return openPanel('keys')
    case 'search':
      return press('.rooms-search')
    case 'new':
      return press('#rooms .rooms-head [aria-label="New conversation"]')
    case 'next':
      return goBeside(1)
    case 'previous':
      return goBeside(-1)
    case 'list':
      return toggleList()
    case 'settings':
      return press('#rooms .me')
    case 'compose':
      return document.getElementById('message')?.focus()
    case 'stop':
      return press('.composer .stop')
    case 'copy':
      return press('article[data-role="model"] .copy')
    case 'edit':
      return press('article[data-role="user"] [aria-label="Edit"]')
    case 'below':
      return step(1)
    case 'above':
      return step(-1)
  }
}

/** Presses a button of the page, the last one where there are several. */
function press(selector: string): void {
  ;[...document.querySelectorAll<HTMLElement>(selector)].at(-1)?.click()
}

function goBeside(by: -1 | 1): void {
  const rooms = [...document.querySelectorAll<HTMLElement>('#rooms .rooms-list a[href^="/c/"]')]
  const at = rooms.findIndex((link) => link.getAttribute('aria-current') === 'page')
  if (at !== -1 || by === 1) rooms[at + by]?.click()
}

function step(by: -1 | 1): void {
  const log = document.getElementById('transcript')
  const message = log && (messageIn(log, document.activeElement) ? nextTo(log, document.activeElement, by) : nextTo(log, null, -1))
  if (message) focusMessage(message)
}
