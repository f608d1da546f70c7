import { describe, expect, test } from 'bun:test'
import jsQR from 'jsqr'
import { browserName, isHandheld } from '../../web/lib/browser-name.ts'
import { linkName, linkTerms } from '../../web/lib/link-words.ts'
import { qrCode } from '../../web/lib/qr-code.ts'
import { isOwnMachineOnly, newToken } from '../../web/lib/secrets.ts'
import { agoWords, durationWords, minutesLeft } from '../../web/lib/spans.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const PIXELS = 4

/** Paints the path as a screen would, and reads it as a camera would. */
function readBack({ size, path }: { size: number; path: string }): string | undefined {
  const width = size * PIXELS
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255)
  for (const [, x, y, run] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g))
    for (let row = Number(y) * PIXELS; row < (Number(y) + 1) * PIXELS; row++)
      for (let column = Number(x) * PIXELS; column < (Number(x) + Number(run)) * PIXELS; column++)
        pixels.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3)
  return jsQR(pixels, width, width)?.data
}

describe('a QR code', () => {
  test('reads back as the link that it was made of, short or long', () => {
    for (const origin of ['http://localhost:3000', 'https://confab.example.org', `https://${'a-long-label.'.repeat(8)}example.org:65535`]) {
      const address = `${origin}/enter#${newToken()}`
      expect(readBack(qrCode(address))).toBe(address)
    }
  })

  test('has the light around it that cameras need', () => {
    const { size, path } = qrCode('x')
    for (const [, x, y, run] of path.matchAll(/M(\d+) (\d+)h(\d+)/g)) {
      expect(Math.min(Number(x), Number(y))).toBeGreaterThanOrEqual(4)
      expect(Math.max(Number(x) + Number(run), Number(y) + 1)).toBeLessThanOrEqual(size - 4)
    }
  })
})

test('a token is 256 bits as base64url, another one every time', () => {
  const tokens = Array.from({ length: 200 }, newToken)
  expect(new Set(tokens).size).toBe(200)
  for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(Buffer.from(tokens[0] ?? '', 'base64url')).toHaveLength(32)
})

test('addresses that lead other devices to themselves are known', () => {
  for (const host of ['localhost', 'confab.localhost', '127.0.0.1', '127.1.2.3', '[::1]']) expect(isOwnMachineOnly(host), host).toBe(true)
  for (const host of ['192.168.0.7', 'confab.example.org', 'localhost.example.org', '[fe80::1]', '1127.0.0.1'])
    expect(isOwnMachineOnly(host), host).toBe(false)
})

describe('a browser is called by what people know it as', () => {
  const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/'
  const ANDROID = 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) '
  const cases: [userAgent: string, name: string, handheld: boolean][] = [
    [`${MAC}537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36`, 'Chrome on Mac', false],
    [`${MAC}605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15`, 'Safari on Mac', false],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0', 'Firefox on Windows', false],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36 Edg/150.0', 'Edge on Windows', false],
    [`${ANDROID}Chrome/150.0.0.0 Mobile Safari/537.36`, 'Chrome on Android', true],
    [`${ANDROID}SamsungBrowser/30.0 Chrome/150.0.0.0 Mobile Safari/537.36`, 'Samsung Internet on Android', true],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
      true,
    ],
    ['curl/8.5.0', 'Unknown device', false],
    ['', 'Unknown device', false],
  ]
  for (const [userAgent, name, handheld] of cases)
    test(name === 'Unknown device' ? `${name}: “${userAgent}”` : name, () => {
      expect(browserName(userAgent)).toBe(name)
      expect(isHandheld(userAgent)).toBe(handheld)
    })
})

describe('a link in a list', () => {
  const now = new Date(2026, 10, 22, 12).getTime()
  const link = { kind: 'invite', label: '', role: 'participant', usesLeft: 3, expiresAt: now + 6 * DAY_MS } as const

  test('is called by its label, or by what it is', () => {
    expect(linkName({ ...link, label: 'Design team' })).toBe('Design team')
    expect(linkName(link)).toBe('Invitation')
    expect(linkName({ ...link, role: 'viewer' })).toBe('Invitation to read')
    expect(new Set((['claim', 'device', 'invite', 'share'] as const).map((kind) => linkName({ ...link, kind }))).size).toBe(4)
  })

  test('says what is left of it', () => {
    expect(linkTerms(link, now)).toBe('Participant · 3 uses, 6 days left')
    expect(linkTerms({ ...link, usesLeft: 1, expiresAt: null }, now)).toBe('Participant · 1 use left')
    expect(linkTerms({ ...link, usesLeft: null, expiresAt: null }, now)).toBe('Participant · until revoked')
    expect(linkTerms({ kind: 'share', role: null, usesLeft: null, expiresAt: now + HOUR_MS }, now)).toBe('Anybody may read · 1 h left')
  })
})

describe('spans of time', () => {
  const now = new Date(2026, 10, 22, 12).getTime()

  test('are told as people tell them', () => {
    expect([0, 59_000, 60_000, 3 * HOUR_MS, 13 * HOUR_MS].map((ago) => agoWords(now - ago, now))).toEqual([
      'just now',
      'just now',
      '1 min ago',
      '3 h ago',
      'yesterday',
    ])
    expect(agoWords(now - 9 * DAY_MS, now)).toStartWith('on ')
    expect([0, 59 * 60_000, 7 * DAY_MS - 1].map(durationWords)).toEqual(['1 min', '59 min', '7 days'])
  })

  test('a clock that is ahead does not make them odd', () => {
    expect(agoWords(now + HOUR_MS, now)).toBe('just now')
  })

  test('a countdown keeps its width', () => {
    expect([120_000, 119_001, 61_000, 9_000, 0, -5].map(minutesLeft)).toEqual(['2:00', '2:00', '1:01', '0:09', '0:00', '0:00'])
  })
})
