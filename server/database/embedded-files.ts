import { chmodSync, closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'
import { dataDir as prepared } from '@electric-sql/pglite-prepopulatedfs'

/**
 * PGlite starts the engine with fsync off (-F). Without that flag it still reaches no disk: fdatasync, the default for the log, is
 * an empty function in its WebAssembly system. fsync asks the file system, see below. The engine's own cache comes on top of the
 * kernel's for the same files and stays resident: at PGlite's 128 MB it is half of the process.
 */
export const ENGINE_START = [
  ...PGlite.defaultStartParams.filter((flag) => flag !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
  ...['-c', 'shared_buffers=32MB'],
]

type Synced = { fsync(stream: { readonly nfd?: number }): number }

/** The engine's files in a directory of the disk, where an fsync is one: PGlite's own file system has no such operation and answers that all went well. */
export class DurableFiles extends NodeFS {
  readonly #sync: (descriptor: number) => void

  constructor(directory: string, sync: (descriptor: number) => void = fsyncSync) {
    super(directory)
    this.#sync = sync
  }

  override async init(...[database, options]: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(database, options)
    const durable: NonNullable<typeof emscriptenOpts.preRun>[number] = (module) => {
      const operations: Partial<Synced> = module.NODEFS.stream_ops
      operations.fsync = ({ nfd }) => {
        // A failure is not caught: it has to end the process. What the kernel could not write it may have dropped, so going on would lose rows.
        if (nfd !== undefined) this.#sync(nfd)
        return 0
      }
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), durable] } }
  }
}

/**
 * Unpacks an initialised cluster, which takes a fraction of the time and memory of making one. All or nothing: a directory of that name
 * is complete and on the disk, whenever the power went.
 */
export async function prepareCluster(directory: string): Promise<void> {
  const unfinished = `${directory}.new`
  rmSync(unfinished, { recursive: true, force: true })
  await new Bun.Archive(await prepared()).extract(unfinished)
  chmodSync(unfinished, 0o700)
  for (const entry of readdirSync(unfinished, { recursive: true, encoding: 'utf8' })) sync(join(unfinished, entry))
  sync(unfinished)
  renameSync(unfinished, directory)
  sync(dirname(directory))
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
