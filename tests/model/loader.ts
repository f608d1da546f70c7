import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
const HERE = import.meta.dirname

/** A change of one source, as text: `from` has to be in it exactly once. */
export type Patch = { readonly file: string; readonly from: string; readonly to: string }

const MEMORY = join(HERE, 'memory-records.ts')
/** The files that speak SQL: what of them is kept in memory comes from there. */
const RECORDS =
  /\/server\/database\/(arrangements|branching|conversations|copying|finishing|links|listing|members|messages|operations|overview|people|presence|replies|resuming|sending|sessions|settings|steering|titles|usage)\.ts$/
const DEXIE = /\/node_modules\/dexie\/import-wrapper\.mjs$/

/**
 * Decides what the next imports get: the records in memory in the place of SQL, with `store` 'light' a Dexie that has no IndexedDB below it,
 * and sources with a bug planted in them. To be called before any of them is imported.
 */
export function substitute({ store, patches }: { store: 'light' | 'indexeddb'; patches: readonly Patch[] }): void {
  const patched = Map.groupBy(patches, ({ file }) => join(ROOT, file))
  for (const [path, changes] of patched) patch(path, changes)
  Bun.plugin({
    name: 'model',
    setup(build) {
      for (const [path, changes] of patched) {
        build.onLoad({ filter: new RegExp(`^${escape(path)}$`) }, () => ({ contents: patch(path, changes), loader: 'ts' }))
      }
      const kept = new Set(exportsOf(MEMORY))
      build.onLoad({ filter: RECORDS }, ({ path }) => {
        const others = exportsOf(path).filter((name) => !kept.has(name))
        const missing = others.map((name) => `export const ${name} = () => { throw new Error('no schedule asks for ${name}') }`)
        return { contents: [`export * from ${JSON.stringify(MEMORY)}`, ...missing].join('\n'), loader: 'ts' }
      })
      if (store === 'light') {
        build.onLoad({ filter: DEXIE }, () => ({ contents: `export * from ${JSON.stringify(join(HERE, 'light-dexie.ts'))}`, loader: 'ts' }))
      }
    },
  })
}

function exportsOf(path: string): string[] {
  return new Bun.Transpiler({ loader: 'ts' }).scan(readFileSync(path, 'utf8')).exports
}

/** The source of `path` with the changes. Throws where one of them does not fit any more. */
function patch(path: string, changes: readonly Patch[]): string {
  let source = readFileSync(path, 'utf8')
  for (const { file, from, to } of changes) {
    // However it is broken into lines.
    const pattern = new RegExp(escape(from.trim()).replace(/\s+/g, String.raw`\s+`), 'g')
    const places = source.match(pattern)?.length ?? 0
    if (places !== 1) throw new Error(`${file} has this ${places} times, so nothing can be planted there: ${from}`)
    source = source.replace(pattern, () => to)
  }
  return source
}

/** What keeps changes from being made, in words; null: nothing. */
export function misfit(patches: readonly Patch[]): string | null {
  try {
    for (const [path, changes] of Map.groupBy(patches, ({ file }) => join(ROOT, file))) patch(path, changes)
    return null
  } catch (error) {
    return String(error)
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
