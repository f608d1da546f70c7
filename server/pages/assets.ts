import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** What a page has to load: paths from the root of the server. `build` names the client that they are of. */
export type PageAssets = {
  readonly build: string
  /** Makes the page look as its reader wants it to, before it is painted. */
  readonly look: string
  readonly script: string
  readonly styles: readonly string[]
  readonly preloads: readonly string[]
}

type Encoding = 'br' | 'gzip' | null
type Body = Uint8Array<ArrayBuffer>
type Asset = { readonly type: string; readonly tag: string; readonly hashed: boolean; readonly bodies: ReadonlyMap<Encoding, Body> }
type Chunk = { file: string; css?: string[]; imports?: string[]; isEntry?: boolean }

export interface Assets {
  page(entry: string): PageAssets
  /** The path of the script that draws a diagram. */
  readonly diagram: string
  /** The answer for a path of the built client; null when there is no such file. */
  respond(request: Request, path: string): Response | null
}

const DIAGRAM = /^\/assets\/diagram-\w+\.js$/
const LOOK = /^\/assets\/look-\w+\.js$/
const MANIFEST = '.vite/manifest.json'
const BUILD = '.build'
const ENCODINGS: readonly { suffix: string; encoding: Exclude<Encoding, null> }[] = [
  { suffix: '.br', encoding: 'br' },
  { suffix: '.gz', encoding: 'gzip' },
]
const TYPES: Record<string, string> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  webmanifest: 'application/manifest+json',
}

/** Reads the built client into memory, with its compressed forms. Throws when it was not built. */
export function loadAssets(directory: string): Assets {
  const manifest: Record<string, Chunk> = JSON.parse(readFileSync(join(directory, MANIFEST), 'utf8'))
  const build = readFileSync(join(directory, BUILD), 'utf8')
  const assets = new Map(files(directory).map((path) => ['/' + relative(directory, path).split(sep).join('/'), read(path)]))
  const find = (pattern: RegExp) => [...assets.keys()].find((path) => pattern.test(path)) ?? ''
  const look = find(LOOK)
  return {
    diagram: find(DIAGRAM),
    page: (entry) => ({ build, look, ...pageOf(manifest, entry) }),
    respond(request, path) {
      const asset = assets.get(path)
      return asset ? answer(request, asset) : null
    },
  }
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !entry.parentPath.includes(`${sep}.`))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !ENCODINGS.some(({ suffix }) => path.endsWith(suffix)))
}

function read(path: string): Asset {
  const plain = new Uint8Array(readFileSync(path))
  const bodies = new Map<Encoding, Body>([[null, plain]])
  for (const { suffix, encoding } of ENCODINGS) {
    try {
      bodies.set(encoding, new Uint8Array(readFileSync(path + suffix)))
    } catch {
      // Small files gain nothing from compression and have no such form.
    }
  }
  return {
    type: TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    // Weak: the forms of a file share it, and they differ in their bytes.
    tag: `W/"${Bun.hash(plain).toString(36)}"`,
    hashed: path.includes(`${sep}assets${sep}`),
    bodies,
  }
}

function answer(request: Request, asset: Asset): Response {
  const headers = new Headers({
    'content-type': asset.type,
    etag: asset.tag,
    vary: 'accept-encoding',
    'cache-control': asset.hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  if (request.headers.get('if-none-match') === asset.tag) return new Response(null, { status: 304, headers })
  const accepted = acceptedEncodings(request)
  for (const { encoding } of ENCODINGS) {
    const body = accepted.includes(encoding) ? asset.bodies.get(encoding) : undefined
    if (body) {
      headers.set('content-encoding', encoding)
      return new Response(body, { headers })
    }
  }
  return new Response(asset.bodies.get(null), { headers })
}

/** What the browser can read; an encoding with the weight 0 is one that it refuses. */
function acceptedEncodings(request: Request): string[] {
  return (request.headers.get('accept-encoding') ?? '')
    .split(',')
    .map((part) => part.split(';').map((word) => word.trim()))
    .filter(([, weight]) => !/^q=0(\.0*)?$/.test(weight ?? ''))
    .map(([name]) => name ?? '')
}

/**
 * The entry, and what it imports now, so that the browser need not discover one wave of requests after another. Panels are left out: they come
 * when they are opened.
 */
function pageOf(manifest: Record<string, Chunk>, entry: string): Omit<PageAssets, 'build' | 'look'> {
  const scripts = new Set<string>()
  const styles = new Set<string>()
  const visit = (key: string) => {
    const chunk = manifest[key]
    if (!chunk || scripts.has(chunk.file)) return
    scripts.add(chunk.file)
    for (const style of chunk.css ?? []) styles.add(style)
    for (const next of chunk.imports ?? []) visit(next)
  }
  visit(entry)
  const [script, ...preloads] = Array.from(scripts, (file) => '/' + file)
  if (!script) throw new Error(`the built client has no entry ${entry}`)
  return { script, styles: Array.from(styles, (file) => '/' + file), preloads }
}
