import type { Page } from 'playwright'

/** A finger needs this much. */
const TOUCH_PX = 44

/** What can be touched, of what is on top, and is too small for a finger: its name and its size. What scrolls in a dialog is scrolled to. */
export function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate((least) => {
    const half = least / 2 - 1
    const dialog = [...document.querySelectorAll('dialog[open]')].at(-1)
    // A drawer or a menu may cover a part of what is behind it, which is for nobody's finger while it is open.
    const open = [...document.querySelectorAll(':popover-open')].filter((popover) => !popover.querySelector(':popover-open'))
    const targets = (dialog ?? document).querySelectorAll<HTMLElement>('button, a, input, select, summary, textarea, [role="menuitem"]')
    return [...targets].flatMap((target) => {
      if (dialog) target.scrollIntoView({ block: 'center', behavior: 'instant' })
      // A press on its words counts as well.
      const around = target.closest('label') ?? target
      const box = around.getBoundingClientRect()
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
      // Links in a sentence are as large as the sentence allows.
      const inSentence = target.matches('[data-part="text"] a, .faint a')
      const top = document.elementFromPoint(x, y)
      const view = target.closest('[role="log"]')?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight }
      if (box.top < view.top || box.bottom > view.bottom) return []
      if (open.length > 0 && !open.some((popover) => popover.contains(target))) return []
      if (box.width === 0 || inSentence || !top || !(around === top || around.contains(top))) return []
      const hit = (dx: number, dy: number) => {
        const at = document.elementFromPoint(x + dx, y + dy)
        return at !== null && (around === at || around.contains(at))
      }
      const touched = hit(0, -half) && hit(0, half) && hit(-half, 0) && hit(half, 0)
      return touched ? [] : [`${target.getAttribute('aria-label') ?? around.innerText} ${Math.round(box.width)}x${Math.round(box.height)}`]
    })
  }, TOUCH_PX)
}
