import { ask } from './requests.ts'
import { store } from './store.ts'

/** What the others call this person, from now on. Rejects with a RefusedError. */
export async function renameMe(name: string): Promise<void> {
  const person = await ask('session.rename', { name })
  await store()
    .db.facts.where('key')
    .equals('me')
    .modify((fact) => {
      if (fact.key === 'me') fact.value = { ...fact.value, person }
    })
}
