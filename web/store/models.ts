import type { Preset } from '#contract'
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

/** The instructions that this person has saved, as far as this device knows. */
export async function presets(): Promise<readonly Preset[]> {
  const fact = await store().db.facts.get('presets')
  return fact?.key === 'presets' ? fact.value : []
}

/** Asks the server for them; they arrive in the store. Rejects with a RefusedError, as the two below. */
export async function refreshPresets(): Promise<void> {
  const { presets: value } = await ask('preset.list', {})
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
