const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** A text as part of HTML, inside of an attribute's quotes, too. */
export function escapeAll(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

/** The same, except that character references of the source stay what they are: `&copy;` is shown as ©, `&lt;` as <. */
export function escapeText(value: string): string {
  return value.replace(/[<>"']|&(?!#\d{1,7};|#[xX][\da-fA-F]{1,6};|\w{1,31};)/g, (character) => ENTITIES[character] ?? '')
}
