import { type Colours, type DiagramAnswer, DIAGRAM_PAGE, type DrawDiagram } from './diagram-messages.ts'

/** Near the view: what is drawn is there when the reader is. */
const NEAR_PX = 600
/** A frame that has not answered by then has not been loaded, or draws something that has no end. */
const PATIENCE_MS = 20_000
const MOST_PX = 4_000

type Drawing = { readonly box: HTMLElement; readonly frame: HTMLIFrameElement; readonly giveUp: ReturnType<typeof setTimeout> }

/*
 * Diagrams are drawn by a library that makes HTML of what the model wrote. It runs in a frame of its own that has no origin, no network and no
 * way into this page, and says no more than how high it is. Until then, and when it fails, the source is shown.
 */

const drawings = new Map<MessageEventSource, Drawing>()
let near: IntersectionObserver | null = null

/** Draws the diagrams of a block when they come near the view. */
export function drawDiagrams(block: HTMLElement): void {
  near ??= begin()
  for (const box of block.querySelectorAll<HTMLElement>('[data-diagram=""]')) {
    box.dataset['diagram'] = 'waiting'
    near.observe(box)
  }
}

function begin(): IntersectionObserver {
  addEventListener('message', heard)
  // The colours of the page have changed.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAgain)
  new MutationObserver(drawAgain).observe(document.documentElement, { attributes: true })
  return new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting || !(target instanceof HTMLElement)) continue
        near?.unobserve(target)
        open(target)
      }
    },
    // The second for the box that scrolls inside of the page: the first knows only of the page's own edges.
    { rootMargin: `${NEAR_PX}px`, scrollMargin: `${NEAR_PX}px` },
  )
}

function open(box: HTMLElement): void {
  for (const [source, { frame }] of drawings) if (!frame.isConnected) drawings.delete(source)
  const frame = document.createElement('iframe')
  frame.className = 'diagram'
  frame.title = 'Diagram'
  frame.sandbox.add('allow-scripts')
  frame.src = DIAGRAM_PAGE
  box.append(frame)
  if (!frame.contentWindow) return
  const drawing: Drawing = { box, frame, giveUp: setTimeout(() => fail(drawing), PATIENCE_MS) }
  drawings.set(frame.contentWindow, drawing)
}

function heard({ source, data }: MessageEvent<DiagramAnswer | null>): void {
  const drawing = source && drawings.get(source)
  if (!drawing || !data) return
  const { box, frame } = drawing
  switch (data.kind) {
    case 'ready':
      return draw(drawing)
    case 'drawn':
      clearTimeout(drawing.giveUp)
      frame.style.height = `${Math.min(Math.ceil(data.height), MOST_PX)}px`
      box.dataset['diagram'] = 'drawn'
      return
    case 'failed':
      return fail(drawing)
  }
}

function draw({ box, frame }: Drawing): void {
  const words: DrawDiagram = { source: box.querySelector('code')?.textContent ?? '', colours: coloursOf(frame) }
  // It has no origin that could be named here; what it is told is what it is there to show.
  frame.contentWindow?.postMessage(words, '*')
}

function drawAgain(): void {
  for (const drawing of drawings.values()) if (drawing.frame.isConnected) draw(drawing)
}

function fail({ box, frame, giveUp }: Drawing): void {
  clearTimeout(giveUp)
  if (frame.contentWindow) drawings.delete(frame.contentWindow)
  frame.remove()
  box.dataset['diagram'] = 'failed'
}

function coloursOf(frame: HTMLIFrameElement): Colours {
  const { color, backgroundColor, borderTopColor, outlineColor, caretColor } = getComputedStyle(frame)
  return { ink: color, ground: backgroundColor, line: borderTopColor, box: outlineColor, accent: caretColor }
}
