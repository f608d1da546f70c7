import { LIMITS } from '#contract'

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const MEBIBYTE = 2 ** 20

/** 12,400, as the reader's country writes it. */
export function whole(amount: number): string {
  return number.format(amount)
}

/** `1 message`, `3 messages`. */
export function counted(amount: number, one: string, many = `${one}s`): string {
  return `${whole(amount)} ${amount === 1 ? one : many}`
}

/** 12 earlier messages; of very many it is only known that they are more. */
export function leftOut(amount: number, one: string): string {
  return amount > LIMITS.leftOut ? `more than ${counted(LIMITS.leftOut, one)}` : counted(amount, one)
}

/** 312 MB. */
export function bytes(amount: number): string {
  return `${whole(amount / MEBIBYTE)} MB`
}
