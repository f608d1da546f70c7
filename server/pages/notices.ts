/* What a page of one sentence says. Those without a link offer the same address again. */
export const NO_PAGE = {
  title: 'There is no such page',
  sentence: 'The address leads nowhere here.',
  link: { href: '/', words: 'Go to your conversations' },
}
export const FAILED = {
  title: 'Something went wrong',
  sentence: 'The server could not make this page. Try again in a moment.',
  link: { href: '/', words: 'Try again' },
}
export const AWAY = {
  title: 'One moment',
  sentence: 'This server cannot reach its database right now. Nothing is lost; this page tries again by itself.',
}
export const CROWDED = {
  title: 'One moment',
  sentence: 'Too many requests came from your address. This page tries again by itself in a minute.',
}
