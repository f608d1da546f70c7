import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')
const SOURCES = ['server', 'web', 'migrations', 'package.json', 'bun.lock', 'vite.config.ts']

export type ProductCopy = { readonly root: string; remove(): void }

/**
 * A later version of the product: its sources with some texts replaced, and its own client, built by the real build. Each change is a file,
 * a text in it, and what stands there instead; throws when the text is not there.
 */
export async function copyProduct(...changes: (readonly [file: string, text: string, instead: string])[]): Promise<ProductCopy> {
  const root = mkdtempSync(join(tmpdir(), 'confab-copy-'))
  const remove = () => rmSync(root, { recursive: true, force: true })
  try {
    for (const name of SOURCES) cpSync(join(ROOT, name), join(root, name), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    for (const [file, text, instead] of changes) {
      const before = readFileSync(join(root, file), 'utf8')
      if (!before.includes(text)) throw new Error(`There is no "${text}" in ${file}`)
      writeFileSync(join(root, file), before.replaceAll(text, instead))
    }
    const child = Bun.spawn([process.execPath, 'web/build.ts'], { cwd: root, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    const [output, errors, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    if (code !== 0) throw new Error(`The copy could not be built:\n${output}${errors}`)
    return { root, remove }
  } catch (error) {
    remove()
    throw error
  }
}
