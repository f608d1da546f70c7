import { type Static, Type } from '@sinclair/typebox'
import { Arrangement, Member } from './people.ts'
import { Conversation, Defaults, Id, Message, Role } from './records.ts'

/*
 * Everything the server may broadcast. A frame is a JSON tuple in one text frame, so its first character is `[`; every frame
 * of oRPC starts with `{`. Frames of one room arrive in the order of their revisions, and the deltas of one reply in the order
 * of their offsets, but a frame may come before the answer to the call that caused it.
 */
export const Frame = Type.Union([
  /** To the room: a message was made or changed. */
  Type.Tuple([Type.Literal('message'), Message]),
  /** To everybody who is a member: the row of the room was made or changed. */
  Type.Tuple([Type.Literal('conversation'), Conversation]),
  /** To the room: reply id, offset in UTF-16 code units, the text that belongs there. */
  Type.Tuple([Type.Literal('delta'), Id, Type.Integer({ minimum: 0 }), Type.String()]),
  /** To the room: the same for what the model says of its thinking; it begins anew when a reply goes on. */
  Type.Tuple([Type.Literal('thought'), Id, Type.Integer({ minimum: 0 }), Type.String()]),
  /** To the room: who is in it, all of them, whenever that changes or somebody comes, goes or has read on. The last one counts. */
  Type.Tuple([Type.Literal('people'), Id, Type.Array(Member)]),
  /** To the room: a person is writing; over after a while unless it is said again. */
  Type.Tuple([Type.Literal('typing'), Id, Id]),
  /** To all tabs of one person: what a room is to them, and how many of its messages they have read. */
  Type.Tuple([Type.Literal('membership'), Id, Role, Type.Integer({ minimum: 0 })]),
  /** To all tabs of one person: what rooms begin with that they make. */
  Type.Tuple([Type.Literal('defaults'), Defaults]),
  /** To all tabs of one person: how they keep a room in their list. */
  Type.Tuple([Type.Literal('arrangement'), Arrangement]),
  /** To everybody who was a member: the room is no longer theirs. */
  Type.Tuple([Type.Literal('gone'), Id]),
])
export type Frame = Static<typeof Frame>
