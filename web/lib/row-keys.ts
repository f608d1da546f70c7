import { isShortcut } from './shortcuts.ts'

const ACTS = ['rename', 'delete', 'up', 'down'] as const

/** What a key on a row of the list asks for; null: nothing. */
export function rowAct(event: KeyboardEvent): (typeof ACTS)[number] | null {
  return ACTS.find((act) => isShortcut(event, act)) ?? null
}
