import type { Frame, ShareFrame } from '#contract'

export const roomTopic = (conversationId: string) => `conversation:${conversationId}`
/** What readers of a share hear: the room without its notes. */
export const shareTopic = (conversationId: string) => `share:${conversationId}`
export const personTopic = (personId: string) => `person:${personId}`

/** How frames reach the sockets that subscribed to a topic. */
export interface Bus {
  /** Encodes the frame once and hands it to every subscriber, in the order of the calls. */
  publish(topic: string, frame: Frame | ShareFrame): void
}

type Publisher = Pick<Bun.Server<unknown>, 'publish' | 'subscriberCount'>

/** The bus of a single process: Bun's own pub/sub. Frames published before a server is attached reach nobody. */
export function createLocalBus(): Bus & { attach(publisher: Publisher): void } {
  let publisher: Publisher | null = null
  return {
    attach(to) {
      publisher = to
    },
    publish(topic, frame) {
      // Most rooms are read by nobody else, and most people have one tab: nothing is encoded for them.
      if (publisher && publisher.subscriberCount(topic) > 0) publisher.publish(topic, JSON.stringify(frame))
    },
  }
}
