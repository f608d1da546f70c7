import type { Role } from '#contract'

/** What can be done with a room of the list. */
export type RoomAct = 'pin' | 'unpin' | 'up' | 'down' | 'rename' | 'tags' | 'read' | 'archive' | 'unarchive' | 'rules' | 'select' | 'delete'

export type ActsOn = {
  /** undefined: the server has not said yet; until then it is one's own. */
  readonly role: Role | undefined
  readonly archived: boolean
  readonly unread: number
  /** Its place among so many pinned rooms; -1: it is not pinned. */
  readonly pinnedAt: number
  readonly pinned: number
}

/** What somebody may do with a room, as its menu lists it. */
export function roomActs({ role, archived, unread, pinnedAt, pinned }: ActsOn): RoomAct[] {
  const acts: [RoomAct, boolean][] = [
    ['rename', role !== 'viewer'],
    ['pin', pinnedAt === -1],
    ['unpin', pinnedAt !== -1],
    ['up', pinnedAt > 0],
    ['down', pinnedAt !== -1 && pinnedAt < pinned - 1],
    ['tags', true],
    ['read', unread > 0],
    [archived ? 'unarchive' : 'archive', true],
    ['rules', role !== 'viewer'],
    ['select', true],
    ['delete', role === undefined || role === 'owner'],
  ]
  return acts.flatMap(([act, may]) => (may ? [act] : []))
}
