import { and, asc, eq } from 'drizzle-orm'
import { LIMITS, type Preset } from '#contract'
import type { Db } from './open.ts'
import { person, preset } from './schema.ts'

const row = { id: preset.id, kind: preset.kind, name: preset.name, text: preset.text }

/** What a person has saved, by name. */
export function presetsOf(db: Db, personId: string): Promise<Preset[]> {
  return db.select(row).from(preset).where(eq(preset.personId, personId)).orderBy(asc(preset.name), asc(preset.id))
}

/** The preset as it is now. `taken`: the id is somebody else's; `full`: one more of its kind would be too many. */
export async function savePreset(db: Db, personId: string, { id, kind, name, text }: Preset): Promise<Preset | 'taken' | 'full'> {
  return db.transaction(async (tx) => {
    // One after the other, or two at once would both be the last that there is room for.
    await tx.select({ id: person.id }).from(person).where(eq(person.id, personId)).for('update')
    const [found] = await tx.select({ personId: preset.personId, kind: preset.kind }).from(preset).where(eq(preset.id, id))
    if (found && found.personId !== personId) return 'taken'
    if (!found && (await tx.$count(preset, and(eq(preset.personId, personId), eq(preset.kind, kind)))) >= LIMITS.presets) return 'full'
    await tx
      .insert(preset)
      .values({ id, personId, kind, name, text })
      .onConflictDoUpdate({ target: preset.id, set: { name, text }, setWhere: eq(preset.personId, personId) })
    return { id, kind: found?.kind ?? kind, name, text }
  })
}

export async function removePreset(db: Db, personId: string, id: string): Promise<void> {
  await db.delete(preset).where(and(eq(preset.id, id), eq(preset.personId, personId)))
}
