import { putHtml } from './html.ts'

/** A page that is never idle gets its colours all the same. */
const LATEST_MS = 200

const waiting: HTMLElement[] = []
let running = false

/**
 * Gives the code in an element its colours when the browser has nothing better to do, block by block, the one that was asked for last first: of a
 * transcript that is what is in view. They change no sizes.
 */
export function colourLater(element: HTMLElement): void {
  for (const code of element.querySelectorAll<HTMLElement>('code[data-language]:not([data-language=""], [data-coloured])')) {
    code.dataset['coloured'] = ''
    waiting.push(code)
  }
  if (waiting.length > 0 && !running) void run()
}

async function run(): Promise<void> {
  running = true
  try {
    const { highlight } = await import('./highlight.ts')
    for (let code = waiting.pop(); code; code = waiting.pop()) {
      await idle()
      if (!code.isConnected) continue
      const html = highlight(code.textContent, code.dataset['language'] ?? '')
      if (html !== null) putHtml(code, html)
    }
  } catch {
    // Without the colours the code is still there; offline they may not have been fetched yet.
    waiting.length = 0
  } finally {
    running = false
  }
}

function idle(): Promise<unknown> {
  // Not in Safari, whatever the types say.
  return new Promise((resolve) =>
    'requestIdleCallback' in globalThis ? requestIdleCallback(resolve, { timeout: LATEST_MS }) : setTimeout(resolve),
  )
}
