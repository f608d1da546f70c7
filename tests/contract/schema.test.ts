import { describe, expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { newId } from '#contract'
import { contract } from '#contract/procedures'
import { Id, strict } from '../../server/contract/records.ts'
import { standard } from '../../server/contract/schema.ts'

async function issues(schema: Parameters<typeof standard>[0], value: unknown) {
  const result = await standard(schema)['~standard'].validate(value)
  return (
    result.issues?.map(({ path, message }) => ({
      path: path?.map((segment) => (typeof segment === 'object' ? segment.key : segment)).join('.') ?? '',
      message,
    })) ?? null
  )
}

describe('the schema adapter', () => {
  test('returns the very value that was checked, unchanged', async () => {
    const value = { id: newId() }
    const result = await standard(strict({ id: Id }))['~standard'].validate(value)
    expect(result.issues).toBeUndefined()
    expect('value' in result && result.value).toBe(value)
  })

  test('names the path of everything that is wrong', async () => {
    const schema = strict({ a: Type.Array(strict({ 'b/c~d': Type.Integer() })) })
    expect(await issues(schema, { a: [{ 'b/c~d': 1 }, { 'b/c~d': 'x' }] })).toMatchObject([{ path: 'a.1.b/c~d' }])
  })

  test('refuses a key that it does not know', async () => {
    const found = await issues(strict({ id: Id }), { id: newId(), isOwner: true })
    expect(found?.map(({ path }) => path)).toEqual(['isOwner'])
  })

  test('reports at most 20 issues of a hostile value', async () => {
    const found = await issues(
      Type.Array(Type.Integer()),
      Array.from({ length: 10_000 }, () => 'x'),
    )
    expect(found?.length).toBe(20)
  })

  test('takes a UUID in its canonical form only', async () => {
    const id = newId()
    expect(await issues(Id, id)).toBeNull()
    for (const wrong of [id.toUpperCase(), `{${id}}`, id.slice(1), id.replaceAll('-', ''), `${id}\n`, '', 7, null]) {
      expect(await issues(Id, wrong), JSON.stringify(wrong)).not.toBeNull()
    }
  })
})

describe('message.send', () => {
  const { typebox } = schemaOf(contract.message.send)
  const input = () => ({ id: newId(), conversationId: newId(), replyId: newId(), text: 'hello', kind: 'prompt' as string })

  test('takes a prompt of the longest length, and no longer one', async () => {
    expect(await issues(typebox, input())).toBeNull()
    expect(await issues(typebox, { ...input(), text: 'x'.repeat(64_000) })).toBeNull()
    expect(await issues(typebox, { ...input(), text: 'x'.repeat(64_001) })).not.toBeNull()
  })

  test('refuses an empty text, another kind, and an author of the client’s choice', async () => {
    expect(await issues(typebox, { ...input(), text: '' })).not.toBeNull()
    expect(await issues(typebox, { ...input(), kind: 'reply' })).not.toBeNull()
    expect(await issues(typebox, { ...input(), author: { id: newId(), name: 'Eve' } })).not.toBeNull()
  })
})

function schemaOf(procedure: typeof contract.message.send) {
  const schema = procedure['~orpc'].inputSchema
  if (!schema || !('typebox' in schema)) throw new Error('message.send has no TypeBox schema')
  return schema
}
