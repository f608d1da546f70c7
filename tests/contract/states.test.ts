import { expect, test } from 'bun:test'
import { isOpen } from '#contract'
import { ReplyState } from '../../server/contract/records.ts'

test('a reply is open while it waits or grows, and in no other state', () => {
  const states = ReplyState.anyOf.map((state) => state.const)
  expect(states.filter(isOpen)).toEqual(['queued', 'streaming'])
  expect(states.filter((state) => !isOpen(state))).toEqual(['complete', 'stopped', 'failed', 'interrupted'])
})
