import { startLater } from './later.ts'

/** Where there is room for the list beside the conversation. */
export const WIDE = '(min-width: 761px)'

/** Closes the drawer around `inside` when it is one: on a wide screen the same element simply stands there. */
export function closeDrawer(inside: HTMLElement): void {
  const around = inside.closest<HTMLElement>('[popover]')
  if (around?.matches(':popover-open')) around.hidePopover()
}

/** Shows the list, or hides it: a drawer on a narrow screen, a column that can be folded away on a wide one. */
export function toggleList(): void {
  const list = document.getElementById('rooms')
  if (!list) return
  if (!matchMedia(WIDE).matches) list.togglePopover()
  else if (!document.body.toggleAttribute('data-folded')) list.querySelector<HTMLElement>('[aria-current="page"]')?.focus()
  else if (list.contains(document.activeElement)) document.getElementById('message')?.focus()
}

/** Lets a finger draw the drawer open and shut, and closes it when the screen becomes wide. Returns its stop. */
export function drawer(inside: HTMLElement): () => void {
  const around = inside.closest<HTMLElement>('[popover]')
  const wide = matchMedia(WIDE)
  const widened = () => closeDrawer(inside)
  wide.addEventListener('change', widened)
  // Most of those that have no touch screen never need it. Where it cannot be fetched, the button opens the list as well.
  const stop =
    around && navigator.maxTouchPoints > 0
      ? startLater(
          import('./swipe.ts').then(
            ({ followFinger }) =>
              () =>
                followFinger(around, () => !wide.matches),
          ),
        )
      : () => {}
  return () => {
    wide.removeEventListener('change', widened)
    stop()
  }
}
