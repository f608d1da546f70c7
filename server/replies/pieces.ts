/**
 * Joins the halves of surrogate pairs that a model's chunks may be cut between, and makes the text storable, so that what is shown,
 * journalled and stored is the same to the last unit. `push` answers what may be shown now; `rest` what is left at the end.
 */
export function createPieces(storable: (text: string) => string): { push(text: string): string; rest(): string } {
  let half = ''
  return {
    push(text) {
      const whole = half + text
      half = /[\uD800-\uDBFF]$/.test(whole) ? whole.slice(-1) : ''
      return storable(half === '' ? whole : whole.slice(0, -1))
    },
    rest() {
      const last = storable(half)
      half = ''
      return last
    },
  }
}
