import type { RoomAct } from '../lib/room-acts.ts'
import { archiveRooms, markRoomsRead, pinRooms, stepPinned, type Undo, unpinRooms } from './arranging.ts'

export { movePinned, tagRooms } from './arranging.ts'
export { removable, removeRooms, restoreRooms, tellRemovals } from './removing.ts'

/** An act that needs nothing but its rooms. */
export type Arranging = Extract<RoomAct, 'pin' | 'unpin' | 'up' | 'down' | 'read' | 'archive' | 'unarchive'>

/** Returns what takes it back; null: that is done by the opposite, which is as near. */
export async function arrangeRooms(act: Arranging, ids: readonly string[]): Promise<Undo | null> {
  switch (act) {
    case 'archive':
      return archiveRooms(ids, true)
    case 'unarchive':
      await archiveRooms(ids, false)
      return null
    case 'pin':
      await pinRooms(ids)
      return null
    case 'unpin':
      await unpinRooms(ids)
      return null
    case 'read':
      await markRoomsRead(ids)
      return null
    case 'up':
    case 'down':
      for (const id of ids) await stepPinned(id, act === 'up' ? -1 : 1)
      return null
  }
}
