import { expect, test } from 'bun:test'
import { join } from 'node:path'

const CONTRACT = join(import.meta.dirname, '../../server/contract/index.ts')

test('what a browser gets of the contract has no validator and no platform in it', async () => {
  const built = await Bun.build({ entrypoints: [CONTRACT], target: 'browser', minify: true })
  const [file] = built.outputs
  if (!built.success || !file) throw new Error('the contract does not bundle')
  const code = await file.text()
  expect(code).toContain('toWellFormed')
  for (const foreign of ['TypeBox', 'additionalProperties', '~standard', '~orpc', 'require(', 'node:', 'Bun.'])
    expect(code).not.toContain(foreign)
  expect(code.length).toBeLessThan(4_000)
})
