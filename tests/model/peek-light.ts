import type { Peek } from './browser.ts'
import { peek, wipeBrowsers } from './light-dexie.ts'

export const browsers: Peek = { rows: peek, wipe: wipeBrowsers }
