import type { OutboxCall } from '../store/database.ts'
import { Lane } from './lane.ts'
import type { Locks } from './locks.ts'
import type { Parts } from './parts.ts'

/**
 * Sends what waits in the outbox. Messages and rooms keep their order. What concerns a prompt or a reply that the server knows already
 * need not queue behind a message that is on its way, or that its room has no place for; and no message behind hundreds of rooms that are put away.
 */
export class Outbox {
  readonly #lanes: readonly Lane[]

  /** `refresh` is called when a guess was taken back: the server's row has to replace it. */
  constructor(parts: Parts, locks: Locks, refresh: (conversationId: string) => void) {
    this.#lanes = [
      new Lane(parts, locks, { name: 'outbox', takes: (call) => !ofKnown(call) && !ofList(call), refresh }),
      new Lane(parts, locks, { name: 'replies', takes: ofKnown, refresh }),
      new Lane(parts, locks, { name: 'list', takes: ofList, refresh }),
    ]
  }

  online(): void {
    for (const lane of this.#lanes) lane.online()
  }

  offline(): void {
    for (const lane of this.#lanes) lane.offline()
  }

  stop(): void {
    for (const lane of this.#lanes) lane.stop()
  }
}

function ofKnown({ procedure }: OutboxCall): boolean {
  return procedure === 'reply.stop' || procedure === 'reply.resume' || procedure === 'message.withdraw'
}

function ofList({ procedure }: OutboxCall): boolean {
  return procedure === 'conversation.arrange'
}
