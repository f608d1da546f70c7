import { existsSync } from 'node:fs'
import { install, isDebian } from './debian.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const PACKAGES = ['chromium', 'fonts-liberation', 'fonts-noto-color-emoji']

/** Path of the Chromium to test with: CHROMIUM_PATH, else the system's; null when there is none. Throws when CHROMIUM_PATH names no file. */
export function findChromium(): string | null {
  const given = process.env.CHROMIUM_PATH
  if (given) {
    if (!existsSync(given)) throw new Error(`CHROMIUM_PATH is "${given}", but there is no such file.`)
    return given
  }
  for (const name of NAMES) {
    const path = Bun.which(name)
    if (path) return path
  }
  return null
}

/** As findChromium, but installs Debian's Chromium first when there is none and this is root on Debian. Throws a sentence that says what to do. */
export async function ensureChromium(): Promise<string> {
  const found = findChromium()
  if (found) return found
  if (process.getuid?.() !== 0 || !isDebian()) {
    throw new Error(
      'The browser tests need Chromium. Install it (on Debian: apt-get install chromium), or set CHROMIUM_PATH to an executable.',
    )
  }
  process.stdout.write('Installing Chromium from Debian (once)\n')
  await install(...PACKAGES)
  const installed = findChromium()
  if (!installed) throw new Error('Chromium was installed, but its executable was not found. Set CHROMIUM_PATH to it.')
  return installed
}
