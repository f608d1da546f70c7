import type { Patch } from './loader.ts'

/** A bug of the protocol, as a change of the sources, that the checker has to find. */
export type Mutant = { readonly name: string; readonly patches: readonly Patch[] }

const REPLIES = 'web/sync/replies.ts'
const LANE = 'web/sync/lane.ts'
const PULSE = 'web/sync/pulse.ts'
const LIVE_TEXTS = 'web/store/live-texts.ts'
const LIVE_THOUGHTS = 'web/store/live-thoughts.ts'
const ROWS = 'web/store/rows.ts'
const REMOVING = 'web/store/removing.ts'
const REFUSALS = 'web/store/refusals.ts'
const MERGE = 'web/store/merge.ts'
const FRAMES = 'web/sync/frames.ts'
const CHANGES = 'server/rooms/changes.ts'
const RECOVER = 'server/replies/recover.ts'
const ANSWERING = 'server/replies/answering.ts'
const ENDING = 'server/replies/ending.ts'
const CONVERSATION = 'server/procedures/conversation.ts'
/** What a transaction does to the database is below what these schedules reach, so its bugs are planted into the records that stand in for it. */
const RECORDS = 'tests/model/memory-records.ts'

function mutant(name: string, file: string, from: string, to: string): Mutant {
  return { name, patches: [{ file, from, to }] }
}

export const MUTANTS: readonly Mutant[] = [
  // The server's side of a message.
  mutant(
    'acknowledges a message before it is stored',
    RECORDS,
    'for (const message of stored) memory.messages.set(message.id, message)',
    'setTimeout(() => { for (const message of stored) memory.messages.set(message.id, message) }, 30)',
  ),
  mutant('stores a repeated call once more', RECORDS, 'if (known || answer) {', 'if ((known || answer) && input.id === input.replyId) {'),
  mutant('stores a prompt without its reply', RECORDS, 'if (asks) {', 'if (asks && position % 5 !== 0) {'),
  {
    name: 'reads the revision outside of the lock',
    patches: [
      {
        file: RECORDS,
        from: 'export const send: typeof sending.send = (db, by, input) =>\n  transaction(db, (memory): sending.Sent => {',
        to: `export const send: typeof sending.send = async (db, by, input) => {
  const revision = await transaction(db, (memory) => memory.rooms.get(input.conversationId)?.row.revision ?? 0)
  return transaction(db, (memory): sending.Sent => {`,
      },
      { file: RECORDS, from: 'const position = row.revision + 1', to: 'const position = revision + 1' },
      { file: RECORDS, from: '\n  })\n\nexport const roomOfMessage', to: '\n  })\n}\n\nexport const roomOfMessage' },
      { file: CHANGES, from: 'const mine = before.then(work, work)', to: 'const mine = before === null ? before : work()' },
    ],
  },
  mutant(
    'does not look for a prompt whose answer was lost',
    RECOVER,
    "if (reply.state === 'queued' && reply.conversationId === conversationId) queue.add(reply)",
    'void reply',
  ),
  mutant('tells nobody of a change whose answer was lost', CHANGES, 'if (isUnavailable(error)) tellLater(conversationId)', ''),
  mutant('goes on twice for one click', RECORDS, 'if (row.revision !== seenRevision ||', 'if (row.revision < seenRevision ||'),

  // How somebody keeps rooms.
  mutant('takes back a removal of a room that is gone', REMOVING, 'rows.filter((row) => !isMark(row))', 'rows'),
  mutant('tells no other device how a room is kept', CONVERSATION, "bus.publish(personTopic(person.id), ['arrangement', arranged])", ''),
  mutant(
    'leaves out of a list how rooms are kept',
    'web/store/apply.ts',
    'await putArrangements(db, change.answer.arrangements, change.answer.complete)',
    '',
  ),
  mutant(
    'forgets what else waits when the server says how a room is kept',
    ROWS,
    'arrangedBy(row, kept, waiting.get(conversationId) ?? [])',
    'arrangedBy(row, kept, [])',
  ),

  // The server's side of a reply.
  mutant(
    'publishes a piece before it is in the journal',
    'server/replies/run.ts',
    'journal.append(text)\n    units += text.length\n    show(text)',
    'show(text)\n    units += text.length\n    journal.append(text)',
  ),
  mutant(
    'removes the journal before the last write',
    ENDING,
    'await write(parts, run, { ...ending, text: run.text }, closing, at)\n  journal.remove()',
    'journal.remove()\n  await write(parts, run, { ...ending, text: run.text }, closing, at)',
  ),
  mutant('asks for the whole answer when it should go on', 'server/replies/prompt.ts', 'kept: options.kept,', "kept: '',"),
  mutant(
    'starts a reply while another one of the room runs',
    'server/replies/queue.ts',
    'queue.waiting.push(reply)',
    'void this.#start(reply)',
  ),
  mutant(
    'starts a reply that is being stopped',
    'server/replies/queue.ts',
    'if (stopping) {\n      stopping.again = reply\n      return\n    }',
    '',
  ),
  mutant(
    'forgets at a start what was waiting',
    RECOVER,
    "if (reply.state === 'queued') waiting.push(reply)",
    "if (reply.state === 'queued') continue",
  ),
  mutant('loses at a start what was kept from before', ENDING, 'row.slice(0, kept) + text', 'text'),
  mutant(
    'leaves a reply as it was that was being written',
    RECOVER,
    'else if (left.asked) await interrupt(parts, left, text, left.used, left.thoughts)',
    'else if (left.asked) void text',
  ),
  mutant('asks once more after a restart', RECOVER, 'else if (left.asked) await', 'else if (left.text !== "") await'),
  {
    name: 'interrupts a reply without its text when the start is disturbed',
    patches: [
      { file: RECOVER, from: 'if (isUnavailable(error) && tries > 1) continue', to: '' },
      { file: RECOVER, from: 'if (leftOver.has(reply.id)) continue', to: '' },
    ],
  },

  mutant(
    'lets a reply wait in a room that was removed',
    RECORDS,
    "state: room.row.deletedAt === null ? 'queued' : 'stopped', revision",
    "state: 'queued', revision",
  ),
  mutant(
    'leaves a journal behind that was half made',
    ANSWERING,
    'kept: request.kept.length }, retryAt === null)',
    'kept: request.kept.length })\n    if (retryAt) journal.asked = false',
  ),

  // Versions.
  mutant(
    'writes an edited prompt over the first one',
    RECORDS,
    'const change = moveTo(memory, by, room, asks ? [prompt, reply] : [prompt], words)',
    'memory.messages.set(source.id, { ...source, text })\n    const change = moveTo(memory, by, room, asks ? [prompt, reply] : [prompt], words)',
  ),
  mutant('edits once more for a repeated call', RECORDS, 'if (made || answer) {', 'if ((made || answer) && input.id === input.of) {'),
  mutant(
    'shows a version without what was said under it',
    RECORDS,
    'write(memory, room, { headId, revision: room.row.revision + 1 })',
    'write(memory, room, { headId: id, revision: room.row.revision + 1 })',
  ),
  mutant(
    'does not ask for the reply of a version',
    'server/procedures/branches.ts',
    "if (result.kind === 'branched' && result.reply?.state === 'queued') replies.add(result.reply)",
    '',
  ),
  mutant(
    'sends an edit past what was sent before it',
    'web/sync/outbox.ts',
    "return procedure === 'reply.stop' || procedure === 'reply.resume'",
    "return procedure === 'reply.stop' || procedure === 'reply.resume' || procedure === 'message.edit'",
  ),
  mutant(
    'leaves a reply on the screen that will not be given anew',
    'web/store/refusals.ts',
    'await db.messages.delete(call.input.replyId)',
    '',
  ),

  // Joining.
  {
    name: 'forgets the frames that come while it joins',
    patches: [
      { file: FRAMES, from: "case 'joining': this.#held.push(frame)", to: "case 'joining':" },
      {
        file: FRAMES,
        from: 'if (this.#waits(frame[1].id)) this.#held.push(frame) else this.#conversation(frame[1])',
        to: 'if (!this.#waits(frame[1].id)) this.#conversation(frame[1])',
      },
    ],
  },
  {
    name: 'reads the rows before the revision that it says they go up to',
    patches: [
      {
        file: CONVERSATION,
        from: 'const found = await reach(db, id, personId)\n    if (!found) return null',
        to: 'const early = since > 0 ? await changedSince(db, id, since, limit) : null\n    const found = await reach(db, id, personId)\n    if (!found) return null',
      },
      {
        file: CONVERSATION,
        from: 'const page = await changedSince(db, id, since, limit)',
        to: 'const page = early ?? (await changedSince(db, id, since, limit))',
      },
    ],
  },
  mutant(
    'forgets a room whose removal may be refused',
    'web/sync/rooms.ts',
    "else if (outcome === 'removing') this.#retry(id, 0, outcome)",
    '',
  ),
  {
    name: 'does not join again on a new connection',
    patches: [
      { file: 'web/sync/rooms.ts', from: 'if (this.#opened !== null) void this.#join(this.#opened, 0)', to: '' },
      // Any news of the room would make up for it.
      {
        file: 'web/sync/rooms.ts',
        from: "conversationId === this.#opened && this.state(conversationId) === 'absent'",
        to: "conversationId === this.#opened && this.state(conversationId) === 'absent' && !this.#recent.includes(conversationId)",
      },
    ],
  },

  // The client's rows.
  mutant(
    'does not look for gaps',
    FRAMES,
    'if (this.#gaps.has(conversationId)) return\n',
    'if (this.#gaps.has(conversationId) || cursor > 0) return\n',
  ),
  mutant(
    'asks once for what is missing',
    'web/sync/rooms.ts',
    "if (this.state(conversationId) === 'joined') this.rejoin(conversationId)",
    '',
  ),
  mutant('moves a cursor over a gap', MERGE, 'while (seen.has(reached + 1)) reached++', 'reached = Math.max(reached, ...seen)'),
  mutant(
    'lets an older row replace a newer one',
    MERGE,
    'if (row.revision <= stored.revision) return null\n  //',
    'if (row.revision === stored.revision) return null\n  //',
  ),
  mutant(
    'ignores the last row of a reply',
    MERGE,
    'if (row.revision <= stored.revision) return null\n  //',
    "if (row.revision <= stored.revision || (row.kind === 'reply' && row.state === 'complete')) return null\n  //",
  ),
  mutant(
    'keeps a guess over the row of the server',
    ROWS,
    'if (conversationIds.length === 0) return\n',
    'if (conversationIds.length >= 0) return\n',
  ),
  {
    name: 'leaves what was refused on the screen',
    patches: [
      {
        file: REFUSALS,
        from: 'await refuse(db, entry, change.failure)\n      return [entry.conversationId]',
        to: 'await refuse(db, entry, change.failure)\n      return []',
      },
      // What is of the room waits until the removal is answered, and the answers to it would uncover the room as well.
      {
        file: REFUSALS,
        from: '.modify((row) => void Object.assign(row, shelved({ ...row, deleted: false })))',
        to: '.modify(() => undefined)',
      },
    ],
  },
  mutant('brings a removed room back', ROWS, "if (row?.origin === 'server') {", "if (row?.origin === 'local') {"),
  mutant('takes an old list of rooms for the truth', ROWS, "if ((fact?.key === 'list' ? fact.value : null) !== since) return", ''),
  mutant(
    'takes a list of rooms as read that it has not stored',
    'web/store/apply.ts',
    "return change.kind === 'list' ? change.answer.conversations : []",
    'return []',
  ),

  // The client's texts.
  mutant(
    'adds again what it has',
    LIVE_TEXTS,
    'if (offset + text.length > length) this.#write(replyId, entry, entry.text + text.slice(length - offset))',
    'this.#write(replyId, entry, entry.text + text)',
  ),
  mutant('adds a piece behind a hole', LIVE_TEXTS, "if (offset > length) return 'gap'\n", ''),
  mutant(
    'drops a live text before its row is stored',
    REPLIES,
    'const open = isOpen(row.state) && !row.deleted\n',
    'const open = isOpen(row.state) && !row.deleted\n      if (!open) this.#live.settle(row.id, "")\n',
  ),
  mutant(
    'shows what this tab has heard, though the row has more',
    LIVE_TEXTS,
    'heard !== null && heard.length > message.text.length',
    'heard !== null',
  ),

  // What models think.
  mutant(
    'shows a thought before it is in the journal',
    'server/replies/run.ts',
    'journal.thought({ text: piece, ms })\n    thoughts = { text: before + text, ms }\n    options.showThought(piece)',
    'thoughts = { text: before + text, ms }\n    options.showThought(piece)\n    journal.thought({ text: piece, ms })',
  ),
  mutant(
    'thinks over what it thought before',
    'server/replies/run.ts',
    "(thoughts ?? options.thought)?.text ?? ''",
    "(thoughts ?? null)?.text ?? ''",
  ),
  mutant('loses at a start what it thought', RECOVER, '...(thoughts && { thoughts }),', ''),
  mutant('adds a thought behind a hole', LIVE_THOUGHTS, "if (offset > before.length) return 'gap'\n", ''),
  mutant(
    'shows the thoughts that this tab has heard, though the row has more',
    LIVE_THOUGHTS,
    "heard !== null && heard.length > (stored ?? '').length ? heard : stored",
    'heard ?? stored',
  ),

  // The outbox.
  mutant(
    'takes a call out of the outbox before it is answered',
    LANE,
    'await this.#answered(entry, await send(rpc, entry))',
    "await this.#parts.writer.write({ kind: 'answered', seq: entry.seq })\n        await this.#answered(entry, await send(rpc, entry))",
  ),
  mutant(
    'sends what was written last first',
    LANE,
    'const waiting = await waitingCalls(store.db, this.#options.takes)',
    'const waiting = (await waitingCalls(store.db, this.#options.takes)).reverse()',
  ),
  mutant(
    'gives a message another id each time',
    LANE,
    'client.message.send(wanted.input, options)',
    'client.message.send({ ...wanted.input, id: wanted.input.id.slice(0, 30) + Math.random().toFixed(6).slice(2) }, options)',
  ),
  mutant(
    'gives up a message when the connection is lost',
    'web/sync/refusal.ts',
    "if (error instanceof ConnectionLost) return { kind: 'later', leastMs: 0 }",
    "if (error instanceof ConnectionLost) return { kind: 'never', failure: { code: 'internal' } }",
  ),
  mutant('does not send on after a new connection', LANE, '    this.#paused.clear()\n    this.#wake()\n', '    this.#paused.clear()\n'),

  // The connection.
  mutant('does not notice a silent connection', PULSE, 'if (this.#heardAt < askedAt) this.#ends.onDead()', ''),
  mutant(
    'lets a silent connection take its time when the reader is back',
    'web/sync/socket.ts',
    'const BACK_DEAD_MS = 2_500',
    'const BACK_DEAD_MS = 60_000',
  ),
  mutant(
    'takes one sign of life for two',
    PULSE,
    'if (unanswered && askedAt + deadMs >= this.#deadAt) return',
    'if (askedAt + deadMs >= this.#deadAt) return',
  ),
  mutant(
    'takes a hanging try for a new one',
    'web/sync/socket.ts',
    'Math.min(BACK_DEAD_MS, this.#triedAt + this.#connectMs - now)',
    'Math.min(this.#connectMs, this.#triedAt + this.#connectMs - now)',
  ),
  mutant('waits for a quarter of a minute', 'web/sync/backoff.ts', 'const LONGEST_MS = 4_000', 'const LONGEST_MS = 15_000'),
  mutant(
    'forgets on its last moments what it has shown',
    LIVE_TEXTS,
    'for (const entry of this.#entries.values()) entry.cancelDrop?.()',
    'this.#entries.clear()',
  ),
  mutant(
    'looks for a title without having claimed it',
    'server/replies/titles.ts',
    'if (!(await untilDone(() => claimTitle(db, reply.conversationId, claim, thought), this.#closing.signal, isUnavailable))) return',
    '',
  ),
  mutant(
    'drops what waits when the store gets another form',
    'web/store/rebuild.ts',
    "facts.delete('trimmed'), ...others])",
    "facts.delete('trimmed'), transaction.table('outbox').clear(), ...others])",
  ),
  mutant(
    'does not show what waits when the store gets another form',
    'web/store/rebuild.ts',
    "case 'message.send':",
    "case 'message.send': break",
  ),
]
