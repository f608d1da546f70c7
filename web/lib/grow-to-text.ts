import type { Attachment } from 'svelte/attachments'

/** Makes a text box as tall as its text, up to the limit of its style, in browsers whose style sheets cannot (`field-sizing`). */
export function growToText(text: () => string): Attachment<HTMLTextAreaElement> {
  return (box) => {
    text()
    if (CSS.supports('field-sizing', 'content')) return
    box.style.height = 'auto'
    box.style.height = `${box.scrollHeight}px`
  }
}
