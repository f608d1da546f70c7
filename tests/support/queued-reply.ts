/** What every reply begins with. */
export const QUEUED = {
  kind: 'reply',
  state: 'queued',
  model: null,
  usage: null,
  thoughts: null,
  omitted: 0,
  failure: null,
  retryAt: null,
  truncated: false,
  stoppedBy: null,
  finishedAt: null,
} as const
