/*
 * The face that the server shows to the browser: values without a validator in them, and types.
 * What validates (TypeBox) lives behind `#contract/procedures`, which only the server and the tests import.
 */
export { isId, newId } from './ids.ts'
export { CLOSE, HEARTBEAT, LIMITS, TYPING } from './limits.ts'
export { fold, placeOf, rangesOf, type Snippet, snippet, type Term, terms } from './search-text.ts'
export { isOpen } from './states.ts'
export { addressesModel, cut, label, preview, storable } from './text.ts'
export { filled, together } from './usage.ts'
export { MINIMUM_WIRE, WIRE } from './version.ts'
export type { ErrorCode, ErrorData } from './errors.ts'
export type { Frame } from './frames.ts'
export type { ModelFacts, Preset } from './models.ts'
export type { Arrangement, Link, Member, Membership, Session } from './people.ts'
export type { NewPasskey, Passkey, PasskeyOffer } from './passkeys.ts'
export type { contract } from './procedures.ts'
export type { SearchHit } from './search.ts'
export type { SharedPage, ShareFrame } from './share.ts'
export type { Budget, Health, PersonRow, RoomRow, UsageRow } from './spending.ts'
export type {
  AnswerRule,
  Author,
  Conversation,
  Defaults,
  Failure,
  LiveReply,
  LiveText,
  Message,
  Person,
  PersonMessage,
  Reply,
  ReplyState,
  Role,
  Thinking,
  Thoughts,
  Usage,
} from './records.ts'
