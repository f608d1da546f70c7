/** What the server printed into the page: known before the store has answered. */
export type PageFacts = { personId: string; personName: string; model: string; demo: boolean }

/** Where the page's person is remembered for the time when the page comes from this device and not from the server. */
const PERSON = 'confab.person'

/** Of the shell, which is nobody's, the person whose page was open last. An empty `personId`: nobody is known. */
export function pageFacts(): PageFacts {
  const { person, name = '', model = '', demo } = document.body.dataset
  return person === undefined ? remembered() : { personId: person, personName: name, model, demo: demo === 'true' }
}

/** Called by every page that has a person. */
export function rememberPerson(facts: PageFacts): void {
  try {
    localStorage.setItem(PERSON, JSON.stringify(facts))
  } catch {
    // Without storage there is no store either, and nothing to open without the server.
  }
}

/** Called when the person has left. */
export function forgetPerson(): void {
  try {
    localStorage.removeItem(PERSON)
  } catch {
    // As above.
  }
}

function remembered(): PageFacts {
  try {
    const {
      personId = '',
      personName = '',
      model = '',
      demo = false,
    }: Partial<PageFacts> = JSON.parse(localStorage.getItem(PERSON) ?? '{}')
    return { personId, personName, model, demo }
  } catch {
    return { personId: '', personName: '', model: '', demo: false }
  }
}
