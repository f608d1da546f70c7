/**
 * What a page may ask of its service worker: the name of its build (answered over the port that comes along), to take over from an older
 * one at once, or to do so if no other page is open that might need the older one's files.
 */
export type WorkerRequest = 'build' | 'take over' | 'take over when alone'
