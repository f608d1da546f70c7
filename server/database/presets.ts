import { and, asc, eq, gt } from 'drizzle-orm'
import { LIMITS, type Preset } from '#contract'
import type { Db } from './open.ts'
import { person, preset } from './schema.ts'

const PAGE_ROWS = 100

const row = { id: preset.id, kind: preset.kind, name: preset.name, text: preset.text }

/** A page ends at this many UTF-16 units: one answer must fit a socket's send buffer. */
const PAGE_UNITS = 200_000

/** What a person has saved, by id, behind one of that id, if there is one: so much as one answer holds. */
export async function presetsOf(db: Db, personId: string, after?: string): Promise<{ presets: Preset[]; more: boolean }> {
  const found = await db
    .select(row)
    .from(preset)
    .where(and(eq(preset.personId, personId), after === undefined ? undefined : gt(preset.id, after)))
    .orderBy(asc(preset.id))
    .limit(PAGE_ROWS + 1)
  let units = 0
  const presets: Preset[] = []
  for (const one of found.slice(0, PAGE_ROWS)) {
    units += one.name.length + one.text.length
    if (units > PAGE_UNITS && presets.length > 0) break
    presets.push(one)
  }
  return { presets, more: presets.length < found.length }
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
