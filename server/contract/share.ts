import { type Static, Type } from '@sinclair/typebox'
import { Id, LiveText, Message, nullable, strict } from './records.ts'

/** The newest part of a shared room, oldest message first: its path without notes and removed messages. */
export const SharedPage = strict({
  title: Type.String(),
  messages: Type.Array(Message),
  live: Type.Array(LiveText),
  /** The message with which the part before this one ends; null: it begins with the first. */
  earlierId: nullable(Id),
})
export type SharedPage = Static<typeof SharedPage>

/*
 * What a reader of a share hears at /s/<token>/live, as tuples in text frames like the frames of a room. The page comes once, after the socket has
 * begun to hear the others: those that came before it are applied after it.
 */
export const ShareFrame = Type.Union([
  Type.Tuple([Type.Literal('page'), SharedPage]),
  Type.Tuple([Type.Literal('title'), Type.String()]),
  /** The message with which the path ends now: another than the last one that is shown, and the page has to be asked for anew. */
  Type.Tuple([Type.Literal('head'), nullable(Id)]),
  Type.Tuple([Type.Literal('message'), Message]),
  Type.Tuple([Type.Literal('delta'), Id, Type.Integer({ minimum: 0 }), Type.String()]),
])
export type ShareFrame = Static<typeof ShareFrame>
