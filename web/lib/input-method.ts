/**
 * Whether a key belongs to an input method that is composing: Enter then chooses a word. Safari ends the composition before it tells of the key that
 * has ended it, and says so only by the key code.
 */
export function isComposing({ isComposing: composing, keyCode }: KeyboardEvent): boolean {
  return composing || keyCode === 229
}
