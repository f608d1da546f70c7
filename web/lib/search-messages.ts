import type { SearchHit } from '#contract'

/* What the page and its search worker say to each other. */

export type SearchQuestion = { kind: 'open'; personId: string } | { kind: 'find'; query: string }

/** `changed`: the texts are others now, so that asking again may find something else. */
export type SearchAnswer = { kind: 'changed' } | { kind: 'found'; query: string; hits: SearchHit[] }
