import type { Frame } from '#contract'

export const roomTopic = (conversationId: string) => `conversation:${conversationId}`
export const personTopic = (personId: string) => `person:${personId}`

/** How frames reach the sockets that subscribed to a topic. */
export interface Bus {
  /** Encodes the frame once and hands it to every subscriber, in the order of the calls. */
  publish(topic: string, frame: Frame): void
}

/** The bus of a single process: Bun's own pub/sub. Frames published before a server is attached reach nobody. */
export function createLocalBus(): Bus & { attach(publisher: { publish(topic: string, text: string): number }): void } {
  let publisher: { publish(topic: string, text: string): number } | null = null
  return {
    attach(to) {
      publisher = to
    },
    publish(topic, frame) {
      publisher?.publish(topic, JSON.stringify(frame))
    },
  }
}
