/** Where the server prints the page of a frame that draws one diagram. */
export const DIAGRAM_PAGE = '/diagram'

/** As a style sheet writes them. */
export type Colours = { ink: string; ground: string; line: string; box: string; accent: string }

/** To the frame. */
export type DrawDiagram = { source: string; colours: Colours }

/** From the frame; what it says is not to be trusted any more than what it draws. `height` in CSS pixels. */
export type DiagramAnswer = { kind: 'ready' } | { kind: 'drawn'; height: number } | { kind: 'failed' }
