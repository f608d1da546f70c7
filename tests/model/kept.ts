import found from './found.json' with { type: 'json' }
import type { Schedule } from './schedule.ts'

/** A schedule that has found a bug, made small: what the bug was, and the mutant that is this bug planted again. */
export type Kept = { readonly what: string; readonly mutant: string; readonly schedule: Schedule }

// Written by this checker.
export const kept = found as unknown as readonly Kept[]
