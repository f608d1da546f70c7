import type { Member } from '#contract'

/** Those who are here first, in the order in which they came; `online`: whether this tab would know. */
export function hereFirst(people: readonly Member[], online: boolean): readonly Member[] {
  if (!online) return people
  return [...people.filter(({ here }) => here), ...people.filter(({ here }) => !here)]
}

/** How many of a room's people have it before their eyes now. */
export function watching(people: readonly Member[]): number {
  return people.filter(({ here }) => here).length
}

/** `3 people: you and Mara are here, Jon is not` in short, for a tooltip and for screen readers. */
export function rosterWords(people: readonly Member[], myId: string, online: boolean): string {
  const count = `${people.length} people`
  if (!online) return `${count}: ${listed(people.map((member) => nameOf(member, myId)))}`
  const here = people.filter((member) => member.here).map((member) => nameOf(member, myId))
  const away = people.filter((member) => !member.here).map((member) => nameOf(member, myId))
  const parts = [here.length > 0 ? `here: ${listed(here)}` : '', away.length > 0 ? `away: ${listed(away)}` : '']
  return `${count} – ${parts.filter((part) => part !== '').join('; ')}`
}

/** Who is writing; empty: nobody. */
export function typingWords(names: readonly string[]): string {
  if (names.length === 0) return ''
  if (names.length > 3) return 'Several people are typing…'
  return `${listed(names)} ${names.length === 1 ? 'is' : 'are'} typing…`
}

function nameOf({ person }: Member, myId: string): string {
  return person.id === myId ? 'you' : person.name
}

function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${last}` : last
}
