/** What a room is called until it has a title. */
export const UNTITLED = 'Untitled conversation'

/** What the author of a reply is called: by what the reply says answered, before that by what this server answers with. */
export function modelName(model: string | null, demo: boolean): string {
  return (model === null ? demo : model === DEMO) ? 'Demo' : 'Gemini'
}

/** The name under which the built-in model signs. */
const DEMO = 'demo'
