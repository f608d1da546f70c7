import type { Colours, DiagramAnswer, DrawDiagram } from './lib/diagram-messages.ts'
import { putHtml } from './lib/html.ts'

/*
 * Draws one diagram, in a frame that has no origin and no network: what the library makes of a hostile source stays in here. The build puts the
 * library before it.
 */

declare global {
  var mermaid: {
    initialize(options: object): void
    render(id: string, source: string): Promise<{ svg: string }>
  }
}

const SMALLEST = 0.7
const PLACE = 'drawing'
let drawn = false

function tell(answer: DiagramAnswer): void {
  parent.postMessage(answer, '*')
}

async function draw({ source, colours }: DrawDiagram): Promise<void> {
  try {
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: 'strict',
      suppressErrorRendering: true,
      theme: 'base',
      look: 'classic',
      fontFamily: 'system-ui, sans-serif',
      themeVariables: themeOf(colours),
    })
    const { svg } = await mermaid.render(PLACE, withoutMarkup(source))
    document.body.style.backgroundColor = colours.ground
    document.body.toggleAttribute('data-dark', isDark(colours.ground))
    putHtml(document.body, svg)
    keepReadable(document.querySelector('svg'))
    drawn = true
    tellHeight()
  } catch {
    tell({ kind: 'failed' })
  }
}

/**
 * What would become elements in a label is shown as it was written. The library takes out what is harmful, but makes elements of it before: a picture
 * among them would be asked for, and refused with a report. Line breaks and `<<stereotypes>>` are the diagram's own.
 */
function withoutMarkup(source: string): string {
  return source
    .replace(/<br\s*\/?>|<<[a-z][\w -]*>>|<(?=[a-z/!?])/gi, (found) => (found === '<' ? '#lt;' : found))
    .replace(/url(?=\s*\()/gi, 'none')
}

/** On a narrow screen a wide drawing scrolls before its words become too small. */
function keepReadable(drawing: SVGSVGElement | null): void {
  if (drawing) drawing.style.minWidth = `${Math.round(drawing.viewBox.baseVal.width * SMALLEST)}px`
}

/** Of a colour as browsers write it. On paper the page's style sheet turns such a drawing into a light one. */
function isDark(colour: string): boolean {
  const [red = 255, green = 255, blue = 255] = (colour.match(/[\d.]+/g) ?? []).map(Number)
  return red + green + blue < 3 * 128
}

function themeOf({ ink, ground, line, box, accent }: Colours): Record<string, string> {
  return {
    background: ground,
    primaryColor: box,
    primaryTextColor: ink,
    primaryBorderColor: accent,
    secondaryColor: ground,
    tertiaryColor: ground,
    lineColor: ink,
    textColor: ink,
    edgeLabelBackground: ground,
    clusterBkg: ground,
    clusterBorder: line,
    noteBkgColor: box,
    noteTextColor: ink,
    noteBorderColor: line,
    actorBorder: accent,
    gridColor: line,
  }
}

function tellHeight(): void {
  if (drawn) tell({ kind: 'drawn', height: document.documentElement.offsetHeight + scrollBar() })
}

function scrollBar(): number {
  return innerHeight - document.documentElement.clientHeight
}

addEventListener('message', ({ source, data }: MessageEvent<DrawDiagram>) => {
  if (source === parent) void draw(data)
})
addEventListener('resize', tellHeight)
tell({ kind: 'ready' })
