/** What the server printed into the page: known before the store has answered. */
export type PageFacts = { personId: string; personName: string; model: string; demo: boolean }

export function pageFacts(): PageFacts {
  const { person = '', name = '', model = '', demo } = document.body.dataset
  return { personId: person, personName: name, model, demo: demo === 'true' }
}
