import type { Attachment } from 'svelte/attachments'

/** Calls back when the backdrop of a dialog is pressed. A press that only ends there is none: whoever selects text in a dialog may come out of it. */
export function onBackdrop(pressed: () => void): Attachment<HTMLDialogElement> {
  return (dialog) => {
    let began = false
    // Only the backdrop belongs to the dialog itself: everything inside has elements of its own.
    const down = ({ target }: Event) => void (began = target === dialog)
    const click = ({ target }: Event) => {
      if (began && target === dialog) pressed()
    }
    dialog.addEventListener('pointerdown', down)
    dialog.addEventListener('click', click)
    return () => {
      dialog.removeEventListener('pointerdown', down)
      dialog.removeEventListener('click', click)
    }
  }
}
