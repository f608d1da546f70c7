/** Something that must not be seen by anybody but whom it is for. */
export type Canary = { readonly name: string; readonly secret: string }

/** Also a part of a secret is found, when it is as long as this and the stride together. */
const WINDOW = 12
const STRIDE = 6

/** Something that was let out: by whom, and which secrets may be in it. */
type Seen = { readonly where: string; readonly text: string; readonly may: readonly string[] }

/** Keeps whatever a server lets out, and finds secrets in it. */
export class Witness {
  readonly #seen: Seen[] = []

  /** `may`: the names of the secrets that belong there. */
  see(where: string, text: string, ...may: readonly string[]): void {
    this.#seen.push({ where, text, may })
  }

  /** How much was seen at places whose name begins so. */
  count(where: string): number {
    return this.#seen.filter((seen) => seen.where.startsWith(where)).length
  }

  get size(): number {
    return this.#seen.length
  }

  /** `where: name (form)` for every secret at every place where it does not belong, but for the first `from` of what was seen. */
  leaks(canaries: readonly Canary[], from = 0): string[] {
    const search = searchFor(canaries)
    return this.#seen.slice(from).flatMap(({ where, text, may }) =>
      search(text)
        .filter(({ name }) => !may.includes(name))
        .map(({ name, form }) => `${where}: ${name} (${form})`),
    )
  }
}

type Found = { readonly name: string; readonly form: string }

/** Looks for secrets and their parts in a text: as they are, in either case, escaped for a URL, HTML or JSON, in hex, and in base64 at any place of it. */
function searchFor(canaries: readonly Canary[]): (text: string) => Found[] {
  const forms = canaries.flatMap(({ name, secret }) => {
    const bytes = Buffer.from(secret)
    return [
      { name, form: 'plain', needles: windows(secret.toLowerCase(), WINDOW) },
      { name, form: 'hex', needles: windows(bytes.toString('hex'), 2 * WINDOW) },
      { name, form: 'base64', needles: [0, 1, 2].flatMap((before) => windows(insideBase64(bytes, before), WINDOW)) },
    ]
  })
  return (text) => {
    const lower = unescaped(text).toLowerCase()
    const base64 = text.replaceAll('-', '+').replaceAll('_', '/')
    return forms.filter(({ form, needles }) => needles.some((needle) => (form === 'base64' ? base64 : lower).includes(needle)))
  }
}

function windows(text: string, size: number): string[] {
  const last = Math.max(0, text.length - size)
  const starts = new Set([last])
  for (let at = 0; at < last; at += STRIDE) starts.add(at)
  return [...starts].map((at) => text.slice(at, at + size))
}

/** What a secret looks like within a longer text in base64, when so many bytes more than a multiple of three are before it. */
function insideBase64(bytes: Buffer, before: number): string {
  const whole = Buffer.concat([Buffer.alloc(before), bytes])
  return whole.toString('base64').slice(Math.ceil((before * 8) / 6), Math.floor((whole.length * 8) / 6))
}

function unescaped(text: string): string {
  return text
    .replace(/%([0-9a-f]{2})|\\u([0-9a-f]{4})|&#x([0-9a-f]+);/gi, (_, ...[url, json, html]: string[]) =>
      String.fromCharCode(Number.parseInt(url ?? json ?? html ?? '', 16)),
    )
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
}
