import { and, asc, eq } from 'drizzle-orm'
import { LIMITS, type Preset } from '#contract'
import type { Db } from './open.ts'
import { person, preset } from './schema.ts'

/** What a person has saved, by name. */
export function presetsOf(db: Db, personId: string): Promise<Preset[]> {
  return db
    .select({ id: preset.id, name: preset.name, text: preset.text })
    .from(preset)
    .where(eq(preset.personId, personId))
    .orderBy(asc(preset.name), asc(preset.id))
}

/** `taken`: the id is somebody else's; `full`: one more would be too many. */
export async function savePreset(db: Db, personId: string, { id, name, text }: Preset): Promise<'saved' | 'taken' | 'full'> {
  return db.transaction(async (tx) => {
    // One after the other, or two at once would both be the last that there is room for.
    await tx.select({ id: person.id }).from(person).where(eq(person.id, personId)).for('update')
    const [found] = await tx.select({ personId: preset.personId }).from(preset).where(eq(preset.id, id))
    if (found && found.personId !== personId) return 'taken'
    if (!found && (await tx.$count(preset, eq(preset.personId, personId))) >= LIMITS.presets) return 'full'
    await tx
      .insert(preset)
      .values({ id, personId, name, text })
      .onConflictDoUpdate({ target: preset.id, set: { name, text }, setWhere: eq(preset.personId, personId) })
    return 'saved'
  })
}

export async function removePreset(db: Db, personId: string, id: string): Promise<void> {
  await db.delete(preset).where(and(eq(preset.id, id), eq(preset.personId, personId)))
}
