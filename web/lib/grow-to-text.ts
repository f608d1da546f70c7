import type { Attachment } from 'svelte/attachments'

/** Makes a text box as tall as its text, up to the limit of its style, in browsers whose style sheets cannot (`field-sizing`). */
export function growToText(text: () => string): Attachment<HTMLTextAreaElement> {
  return (box) => {
    text()
    if (CSS.supports('field-sizing', 'content')) return
    const { parentElement: around, scrollTop } = box
    // What is around it keeps its size meanwhile: otherwise the transcript above would be scrolled by what the box has for a moment.
    if (around) around.style.minHeight = `${around.offsetHeight}px`
    box.style.height = 'auto'
    box.style.height = `${box.scrollHeight}px`
    if (around) around.style.minHeight = ''
    box.scrollTop = scrollTop
  }
}
