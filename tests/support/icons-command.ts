import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from './browser.ts'

const FOLDER = join(import.meta.dirname, '../../web/public')

/** What is made of favicon.svg. `part`: how much of the width the drawing has; a system may cut the rest away. `full`: the ground reaches to the corners. */
export const ICONS = [
  { file: 'icons/icon-192.png', size: 192, part: 1, full: false },
  { file: 'icons/icon-512.png', size: 512, part: 1, full: false },
  { file: 'icons/maskable-512.png', size: 512, part: 0.8, full: true },
  { file: 'icons/apple-touch-icon.png', size: 180, part: 0.9, full: true },
]

/** Draws the icons, each as a PNG. */
export async function drawIcons(): Promise<{ file: string; bytes: Buffer }[]> {
  const svg = readFileSync(join(FOLDER, 'favicon.svg'), 'utf8')
  const ground = /<rect[^>]* fill="(#\w+)"/.exec(svg)?.[1] ?? ''
  const browser = await launch()
  try {
    const drawn: { file: string; bytes: Buffer }[] = []
    for (const { file, size, part, full } of ICONS) {
      const page = await browser.newPage({ viewport: { width: size, height: size } })
      const style = `margin:0;display:grid;place-items:center;height:100vh;background:${full ? ground : 'transparent'}`
      await page.setContent(`<body style="${style}">${svg.replace('<svg', `<svg width="${size * part}" height="${size * part}"`)}</body>`)
      drawn.push({ file, bytes: await page.screenshot({ omitBackground: true }) })
      await page.close()
    }
    return drawn
  } finally {
    await browser.close()
  }
}

if (import.meta.main) for (const { file, bytes } of await drawIcons()) writeFileSync(join(FOLDER, file), bytes)
