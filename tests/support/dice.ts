import { random } from './emulator-text.ts'

export type Dice = {
  /** A whole number from 0 to `count` - 1. */
  below(count: number): number
  /** Throws when there is nothing to pick from. */
  pick<T>(list: readonly T[]): T
}

/** The same rolls for the same seed. */
export function dice(seed: number): Dice {
  const next = random(seed)
  const below = (count: number) => Math.floor(next() * count)
  return {
    below,
    pick(list) {
      const picked = list[below(list.length)]
      if (picked === undefined) throw new Error('There is nothing to pick from')
      return picked
    },
  }
}
