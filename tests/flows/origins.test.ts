import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Entered, enter, freshLink, spend } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let ada: Entered

beforeAll(async () => {
  server = await startServer({ env: { TRUST_PROXY: '1' } })
  ada = await enter(server)
}, 60_000)

afterAll(async () => {
  expect(await server.stop()).toBe(0)
}, 30_000)

/** Origins that are not `${scheme}://${host}`, though they look like it to somebody who compares carelessly. */
function hostileTo(scheme: 'http' | 'https', host: string): string[] {
  const [name = '', port = ''] = host.split(':')
  const at = port === '' ? '' : `:${port}`
  const other = scheme === 'http' ? 'https' : 'http'
  const forms = [
    // Nobody, or a page without an origin.
    ...['', ' ', 'null', 'NULL', 'undefined', 'about:blank', 'data:text/html,x', `blob:${scheme}://${host}`, `file://${host}`],
    // Another scheme, or none.
    ...[`${other}://${host}`, `ws://${host}`, `wss://${host}`, `ftp://${host}`, `chrome-extension://${host}`, `//${host}`, host, name],
    `${scheme}:${host}`,
    `${scheme}:/${host}`,
    `${scheme}s://${host}`,
    `${scheme}:///${host}`,
    `javascript:${scheme}://${host}`,
    // Another port.
    ...['1', '0', '80', '443', '65536', '3001', `${port}0`, `0${port}`, ''].map((one) => `${scheme}://${name}:${one}`),
    ...(port === '' ? [] : [`${scheme}://${name}`]),
    // Subdomains, and names that begin or end like it.
    ...[`sub.${name}`, `${name}.evil.example`, `evil-${name}`, `evil${name}`, `${name}evil`, `${name}-evil.example`].map(
      (one) => `${scheme}://${one}${at}`,
    ),
    ...[`${name}.`, `.${name}`, `www.${name}`, `x.y.${name}`, 'evil.example', 'localhost', '127.0.0.1.nip.io', '[::1]', '0.0.0.0'].map(
      (one) => `${scheme}://${one}${at}`,
    ),
    // Userinfo, paths, queries, and what some parsers take for them.
    `${scheme}://${host}@evil.example`,
    `${scheme}://${host}:x@evil.example`,
    `${scheme}://evil.example@${host}`,
    `${scheme}://user:secret@${host}`,
    `${scheme}://evil.example#${host}`,
    `${scheme}://evil.example#@${host}`,
    `${scheme}://evil.example?${host}`,
    `${scheme}://evil.example/${host}`,
    `${scheme}://evil.example\\@${host}`,
    `${scheme}://evil.example%00.${host}`,
    `${scheme}://${host}%2eevil.example`,
    `${scheme}://${host}/`,
    `${scheme}://${host}/path`,
    `${scheme}://${host}?x`,
    `${scheme}://${host}#`,
    `${scheme}://${host}\\`,
    `${scheme}:\\\\${host}`,
    // Two of them.
    `${scheme}://${host} ${scheme}://evil.example`,
    `${scheme}://evil.example ${scheme}://${host}`,
    `${scheme}://${host},${scheme}://evil.example`,
    `${scheme}://evil.example, ${scheme}://${host}`,
    `null ${scheme}://${host}`,
    // Letters that look like others, and numbers that mean the same address.
    ...[
      'ⅽhat.example.org',
      'chаt.example.org',
      'chat。example。org',
      'xn--cht-5cd.example.org',
      'chat.exam\u00ADple.org',
      'CHAT.EXAMPLE.ORG',
    ].map((one) => `${scheme}://${Buffer.from(one).toString('latin1')}${at}`),
    ...['2130706433', '0x7f.0.0.1', '127.1', '0177.0.0.1', '[::ffff:127.0.0.1]', '①②⑦.0.0.1', '127.0.0.1.', '%31%32%37.0.0.1'].map(
      (one) => `${scheme}://${Buffer.from(one).toString('latin1')}${at}`,
    ),
    `${scheme.toUpperCase()}://${host}`,
    `${scheme}://${host}\u00A0`,
    `\u00A0${scheme}://${host}`,
    `${scheme}://[${host}]`,
  ]
  return [...new Set(forms)].filter((form) => form !== `${scheme}://${host}`)
}

const UPGRADE = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}

/** Status of each thing that a foreign page might try; undefined leaves the header out. */
async function tried(origin: string | undefined, extra: Record<string, string>, token: string): Promise<number[]> {
  const headers = { ...extra, ...(origin === undefined ? {} : { origin }) }
  const post = (path: string, body: string, type: string) =>
    fetch(new URL(path, server.url), { method: 'POST', headers: { ...headers, 'content-type': type }, body })
  const answers = await Promise.all([
    post('/auth/enter', JSON.stringify({ token, name: 'Eve' }), 'application/json'),
    // What a form can send without being asked.
    post('/auth/enter', JSON.stringify({ token, name: 'Eve' }), 'text/plain'),
    post('/auth/passkey/ask', '', 'text/plain'),
    post('/auth/passkey/enter', '{}', 'text/plain'),
    post('/auth/leave', '', 'text/plain'),
    fetch(new URL('/rpc?wire=1', server.url), { headers: { ...headers, ...UPGRADE } }),
  ])
  for (const answer of answers) {
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  }
  return answers.map(({ status }) => status)
}

test('no page of another origin enters, signs out or opens the socket, however it calls itself', async () => {
  const link = await freshLink(server)
  const token = new URL(link).hash.slice(1)
  const forms = hostileTo('http', new URL(server.url).host)
  expect(forms.length).toBeGreaterThanOrEqual(60)
  for (const origin of [...forms, undefined]) {
    expect([origin, await tried(origin, { cookie: ada.cookie }, token)]).toEqual([origin, [403, 403, 403, 403, 403, 403]])
  }
  // Neither the link nor the session has come to harm, and the one right origin is let in.
  await spend(server, link)
  const upgrade = await fetch(new URL('/rpc?wire=1', server.url), {
    headers: { cookie: ada.cookie, origin: new URL(server.url).origin, ...UPGRADE },
  })
  expect(upgrade.status).toBe(101)
  console.log(`${forms.length + 1} origins, 6 ways`)
}, 30_000)

for (const host of ['chat.example.org', 'chat.example.org:8443', 'xn--mnchen-3ya.example']) {
  test(`nor behind a proxy that serves https://${host}`, async () => {
    const forwarded = { host, 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.7' }
    const link = await freshLink(server)
    const token = new URL(link).hash.slice(1)
    const forms = hostileTo('https', host)
    expect(forms.length).toBeGreaterThanOrEqual(60)
    for (const origin of [...forms, undefined]) {
      expect([origin, await tried(origin, forwarded, token)]).toEqual([origin, [403, 403, 403, 403, 403, 403]])
    }
    // What a client says of itself is worth nothing: the proxy's own word comes last.
    const spoofed = { ...forwarded, 'x-forwarded-proto': 'https, http' }
    expect(await tried(`https://${host}`, spoofed, token)).toEqual([403, 403, 403, 403, 403, 403])
    expect(await tried(`http://${host}`, forwarded, token)).toEqual([403, 403, 403, 403, 403, 403])
    const answer = await fetch(new URL('/auth/enter', server.url), {
      method: 'POST',
      headers: { ...forwarded, origin: `https://${host}`, 'content-type': 'application/json' },
      body: JSON.stringify({ token, name: 'Ada' }),
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('set-cookie')).toMatch(
      /^__Host-confab\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=7776000; Secure$/,
    )
  }, 30_000)
}
