/** Every limit that both sides keep. Lengths are in UTF-16 code units, sizes in bytes, times in milliseconds. */
export const LIMITS = {
  /** The text of one message. Even if JSON escapes every unit (six bytes each), it fits one frame. */
  messageLength: 64_000,
  titleLength: 120,
  /** Of the title that a room without one gets from its first message, and of the one that a model finds. */
  firstTitleLength: 60,
  instructionsLength: 8_000,
  /** Instructions that one person may save, and the name of one. */
  presets: 100,
  presetNameLength: 60,
  nameLength: 40,
  modelLength: 100,
  linkLabelLength: 60,
  tagLength: 30,
  tagsPerRoom: 10,
  /** Places of pinned rooms are between this and its negative. */
  pinPlace: 1e15,
  /** The last line of a room as the list shows it. */
  previewLength: 140,
  /** Rows of one page of join, pull and history. */
  pageRows: 50,
  maxPageRows: 200,
  /** Rooms of one page of the list. */
  listRows: 500,
  /** One frame from a client. */
  frameBytes: 512 * 1024,
  /** Calls of one socket that may be unanswered at once. */
  callsInFlight: 32,
  /** Rooms that one socket may have joined. */
  roomsPerSocket: 64,
  /** Replies of one room that may wait for their turn. */
  queuedReplies: 20,
  peoplePerRoom: 50,
  /** Links of one room that work at once, and of one person. */
  linksAtOnce: 50,
  /** A link to another device is shown, scanned and gone. */
  deviceLinkMs: 2 * 60_000,
  /** How long an invitation or a share may last, when it is to end by itself. */
  linkMs: 366 * 24 * 60 * 60_000,
  linkUses: 1_000,
  /** Of one person. */
  passkeysAtOnce: 20,
  /** How long somebody may take to make a passkey, or to sign in by one. */
  passkeyMs: 2 * 60_000,
  /** Messages of one page of a share, and sockets that read one share. */
  sharedRows: 200,
  sharedReaders: 500,
  usageDays: 366,
  /** Messages that were left out of a request are counted so far back beyond what it looks at; a larger number is that of the least there are. */
  leftOut: 1_000,
  /** Of what is looked for in messages, and what is found of it at once. */
  queryLength: 200,
  searchHits: 50,
} as const

/** Typing: a tab says it at most every `everyMs`, and the others take it for over after `overMs`. */
export const TYPING = { everyMs: 3_000, overMs: 6_000 } as const

/** The heartbeat: the client says `ping`, the server `pong`, as bare text frames outside of oRPC. */
export const HEARTBEAT = { ping: 'p', pong: 'q', everyMs: 20_000, deadMs: 5_000 } as const

/** Codes with which the server closes a socket (RFC 6455 §7.4; 4000-4999 are ours). */
export const CLOSE = {
  goingAway: 1001,
  malformed: 1003,
  tooMany: 1008,
  signedOut: 4401,
  removed: 4403,
  outdated: 4426,
} as const
