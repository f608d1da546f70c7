import type { ModelFacts, Preset } from '#contract'
import type { ModelList } from './database.ts'
import { ask } from './requests.ts'
import { store } from './store.ts'

/** The models that may answer, as the server said last; undefined: it has not yet. */
export async function modelList(): Promise<ModelList | undefined> {
  const fact = await store().db.facts.get('models')
  return fact?.key === 'models' ? fact.value : undefined
}

/** Asks the server for them; they arrive in the store. Rejects with a RefusedError. */
export async function refreshModels(): Promise<void> {
  await store().db.facts.put({ key: 'models', value: await ask('model.list', {}) })
}

/** The models that may answer, as this device knows them; asked for where it knows none. */
export async function knownModels(): Promise<readonly ModelFacts[]> {
  const stored = await modelList()
  const refreshed = refreshModels().catch(() => undefined)
  if (!stored) await refreshed
  return (stored ?? (await modelList()))?.models ?? []
}

/** The instructions that this person has saved, as far as this device knows. */
export function presets(): Promise<readonly Preset[]> {
  return saved('instructions')
}

/** The prompts that this person has saved, as far as this device knows. */
export function savedPrompts(): Promise<readonly Preset[]> {
  return saved('prompt')
}

async function saved(kind: Preset['kind']): Promise<readonly Preset[]> {
  const fact = await store().db.facts.get('presets')
  return fact?.key === 'presets' ? fact.value.filter((preset) => preset.kind === kind) : []
}

/** Asks the server for them; they arrive in the store. Rejects with a RefusedError, as the two below. */
export async function refreshPresets(): Promise<void> {
  const value: Preset[] = []
  for (let more = true; more;) {
    const last = value.at(-1)
    const page = await ask('preset.list', last ? { after: last.id } : {})
    value.push(...page.presets)
    more = page.more && page.presets.length > 0
  }
  value.sort((one, other) => one.name.localeCompare(other.name))
  await store().db.facts.put({ key: 'presets', value })
}

/** Saves one, new or changed, by its id. */
export async function savePreset(preset: Preset): Promise<void> {
  await ask('preset.save', preset)
  await refreshPresets()
}

export async function removePreset(id: string): Promise<void> {
  await ask('preset.remove', { id })
  await refreshPresets()
}
