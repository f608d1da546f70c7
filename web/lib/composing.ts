import { addressesModel, type AnswerRule, type PersonMessage } from '#contract'

/** What stands in the way of a message to the model, or does not. */
export type Room = {
  rule: AnswerRule
  /** False: a guest, where guests may not ask. */
  mayAsk: boolean
  /** The switch for notes is on. */
  noting: boolean
}

/** A message as it is to be sent. `asks`: the model will answer it. */
export type Composed = { kind: PersonMessage['kind']; text: string; asks: boolean }

/** Under the box, by what Enter does there. */
export const ENTER_WORDS = { sends: 'Enter sends · Shift+Enter new line', breaks: 'Ctrl+Enter sends · Enter new line' }

const NOTE_COMMAND = /^\/note(\s+|$)/i

/** What becomes of what is in the box: a note by the switch, by `/note` before it, or because this person may not ask. */
export function compose(written: string, { rule, mayAsk, noting }: Room): Composed {
  const text = written.replace(/^\s*\n/, '').trimEnd()
  if (NOTE_COMMAND.test(text)) return { kind: 'note', text: text.replace(NOTE_COMMAND, ''), asks: false }
  if (noting || !mayAsk) return { kind: 'note', text, asks: false }
  return { kind: 'prompt', text, asks: rule === 'always' || addressesModel(text) }
}

/** In the empty box. */
export function invitation({ rule, mayAsk, noting }: Room): string {
  if (!mayAsk) return 'For people: guests may not ask Gemini'
  if (noting) return 'A note for the people here'
  return rule === 'always' ? 'Write to the room' : 'Write to the room, or to @gemini'
}

/** Under the box: who reads this, where that is not plain. null: whoever writes here knows. */
export function readersHint({ rule, mayAsk, noting }: Room, { kind, asks }: Composed): string | null {
  if (!mayAsk) return 'Only people read this: guests may not ask Gemini here.'
  if (noting || kind === 'note') return 'Only people read this.'
  if (rule === 'always') return null
  return asks ? 'Gemini answers this.' : 'Gemini answers when you write @gemini.'
}
