import { expect, test } from 'bun:test'
import type { ModelFacts } from '#contract'
import { Models } from '../../server/replies/models.ts'

const facts: ModelFacts = {
  id: 'm-1',
  name: 'M One',
  description: '',
  inputTokens: 100_000,
  outputTokens: 900,
  contextTokens: 50_000,
  thinking: true,
  temperature: 1,
  maxTemperature: 2,
}

/** A provider that answers when it is told to. */
function provider() {
  const answers: PromiseWithResolvers<ModelFacts[]>[] = []
  const failures: unknown[] = []
  const list = () => {
    const answer = Promise.withResolvers<ModelFacts[]>()
    answers.push(answer)
    return answer.promise
  }
  return { answers, failures, models: new Models({ name: 'm-1', list }, (error) => failures.push(error)) }
}

test('the first replies after a start wait for what the provider says of its models, which is asked once', async () => {
  const { answers, models } = provider()
  const waiting = [models.first(), models.first()]
  expect(models.known('m-1')).toBeNull()
  answers[0]?.resolve([facts])
  await Promise.all(waiting)
  expect(models.known('models/m-1')).toEqual(facts)
  await models.first()
  expect(answers).toHaveLength(1)
})

test('no reply waits long for a provider that says nothing, nor again for one that could not say it', async () => {
  const { answers, failures, models } = provider()
  await models.first(1)
  expect(models.known('m-1')).toBeNull()
  const second = models.first()
  answers[0]?.reject(new Error('no list'))
  await second
  await models.first()
  expect([answers.length, failures.length]).toEqual([1, 1])
})
