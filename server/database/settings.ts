import type { Budget } from '#contract'
import type { Db } from './open.ts'
import { setting } from './schema.ts'

/** What the owner has set; null: nothing yet. */
export async function readBudget(db: Db): Promise<Budget | null> {
  const [found] = await db.select().from(setting)
  return found?.value ?? null
}

export async function writeBudget(db: Db, budget: Budget): Promise<void> {
  await db
    .insert(setting)
    .values({ key: 'budget', value: budget })
    .onConflictDoUpdate({ target: setting.key, set: { value: budget } })
}
