import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright'

/** What axe objects to on a page, one sentence for each element. `within`: in that part of it only; `rules`: by these rules only. */
export async function objections(page: Page, { within, rules }: { within?: string; rules?: readonly string[] } = {}): Promise<string[]> {
  // Without frames it need not open a page of its own, and what is right need not be listed: a third of the time.
  const axe = new AxeBuilder({ page }).setLegacyMode(page.frames().length === 1).options({ resultTypes: ['violations'] })
  if (within !== undefined) axe.include(within)
  if (rules) axe.withRules([...rules])
  const { violations, passes } = await axe.analyze()
  if (violations.length + passes.length === 0) throw new Error('axe has looked at nothing')
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => `${id} ${html.slice(0, 160)} ${any[0]?.message ?? ''}`))
}
