import { encode } from 'uqr'

/** Modules of light around the code: without them a camera does not find it. */
const QUIET = 4

/** A QR code as the path of its dark modules in a square of `size` units: level M, so that 15 % of it may be unreadable. */
export function qrCode(text: string): { size: number; path: string } {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET })
  return { size, path: data.flatMap((row, y) => runs(row).map(([x, width]) => `M${x} ${y}h${width}v1h-${width}z`)).join('') }
}

/** Where the dark runs of a row begin, and how long they are. */
function runs(row: readonly boolean[]): [start: number, length: number][] {
  const found: [number, number][] = []
  row.forEach((dark, x) => {
    const last = found.at(-1)
    if (!dark) return
    if (last && last[0] + last[1] === x) last[1]++
    else found.push([x, 1])
  })
  return found
}
