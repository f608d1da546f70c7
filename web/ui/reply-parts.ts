/*
 * What only replies need, and prompts that have some: fetched with the first one, together with what renders it.
 */

export { default as Announcer } from './announcer.svelte'
export { default as ReplyNotice } from './reply-notice.svelte'
export { default as Thoughts } from './thoughts.svelte'
export { default as TokenCount } from './token-count.svelte'
export { default as Versions } from './versions.svelte'
