import type { Defaults } from '#contract'
import type { Database, Me } from './database.ts'
import { ask } from './requests.ts'
import { store } from './store.ts'

export const NO_DEFAULTS: Defaults = { model: null, instructions: '' }

/** What the others call this person, from now on. Rejects with a RefusedError. */
export async function renameMe(name: string): Promise<void> {
  const person = await ask('session.rename', { name })
  await change(store().db, { person })
}

/** What rooms begin with from now on that this person makes, on whichever device. Rejects with a RefusedError. */
export async function setDefaults(changes: Partial<Defaults>): Promise<void> {
  await putDefaults(store().db, await ask('session.setDefaults', changes))
}

/** As the server said last; inside of the caller's transaction, if there is one. */
export async function readDefaults({ facts }: Database): Promise<Defaults> {
  const fact = await facts.get('me')
  return (fact?.key === 'me' ? fact.value.defaults : undefined) ?? NO_DEFAULTS
}

export function putDefaults(db: Database, defaults: Defaults): Promise<void> {
  return change(db, { defaults })
}

async function change({ facts }: Database, changes: Partial<Me>): Promise<void> {
  await facts
    .where('key')
    .equals('me')
    .modify((fact) => {
      if (fact.key === 'me') fact.value = { ...fact.value, ...changes }
    })
}
