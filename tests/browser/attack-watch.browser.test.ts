import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Page } from 'playwright'
import { newId } from '#contract'
import { type AttackWatch, type Detector, watchAttacks } from '../support/attack-watch.ts'
import { signIn } from '../support/browser.ts'
import { connect, type TestClient } from '../support/client.ts'
import { type Emulator, startEmulator } from '../support/emulator.ts'
import { eventually } from '../support/eventually.ts'
import { type Entered, enter } from '../support/people.ts'
import { createRoom, openRoom, reply } from '../support/room-page.ts'
import { startServer, type TestServer } from '../support/server.ts'

/* Whether what looks for attacks would see one: the same browser, with a client whose escaping is taken out. */

let emulator: Emulator
let server: TestServer
let owner: Entered
let wire: TestClient

beforeAll(async () => {
  emulator = await startEmulator()
  server = await startServer({ env: { GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: emulator.url } })
  owner = await enter(server)
  wire = await connect(server, owner.cookie)
}, 60_000)
afterAll(async () => {
  await server?.stop()
  await emulator?.stop()
}, 30_000)

/** A room in a browser whose client takes text for markup; `policy`: whether the page keeps its security policy. */
async function broken(policy: boolean): Promise<{ watch: AttackWatch; page: Page; id: string }> {
  const watch = await watchAttacks(server, { serviceWorkers: 'block', bypassCSP: !policy })
  await signIn(watch.context, server, owner.cookie)
  await watch.context.route('**/assets/*.js', async (route) => {
    // What is fetched only in idle time may still be on its way when the page is left: nobody waits for it then.
    const response = await route.fetch().catch(() => null)
    const source = await response?.text().catch(() => null)
    if (!response || source === undefined || source === null) return route.abort().catch(() => {})
    return route.fulfill({ response, body: source.replaceAll('&lt;', '<').replaceAll('&gt;', '>') }).catch(() => {})
  })
  const page = await watch.open()
  const id = await createRoom(wire, 'Broken')
  await wire.join(id)
  await openRoom(page, server, id)
  return { watch, page, id }
}

/** The text as a reply, in two pieces. */
async function answerWith(id: string, text: string): Promise<void> {
  const replyId = newId()
  emulator.script.push(async (answer) => {
    await answer.write(text.slice(0, text.length / 2))
    await answer.write(text.slice(text.length / 2))
    await answer.finish()
  })
  await wire.rpc.message.send({ id: newId(), conversationId: id, text: 'Go on', kind: 'prompt', replyId })
  await wire.hearEnd(replyId)
}

const noticed = ({ hits }: AttackWatch, by: Detector, what: RegExp) =>
  eventually(() => {
    if (!hits.some((hit) => hit.by === by && what.test(hit.what)))
      throw new Error(`${by} ${what} is not among ${JSON.stringify(hits.filter((hit) => hit.by !== 'element'))}`)
    return true
  })

test('a script that runs, and whatever it does, is noticed by each detector', async () => {
  const { watch, id } = await broken(false)
  const attacks: [text: string, by: Detector, what: RegExp][] = [
    ['<img src=x onerror=xss(1001)>', 'call', /^1001$/],
    ['<img src=x onerror=alert(1002)>', 'dialog', /^1002$/],
    ['<img src=https://attack.localhost/1003>', 'request', /attack\.localhost\/1003$/],
    ["<img src=x onerror=fetch('/__beacon/1004')>", 'request', /__beacon\/1004$/],
    ['<img src=1005>', 'request', /\/c\/1005$/],
    ["<img src=x onerror=new(WebSocket)('wss://attack.localhost/1006')>", 'socket', /attack\.localhost\/1006$/],
    ['<iframe src=https://attack.localhost/1007></iframe>', 'navigation', /./],
    ['<img src=x onerror=console.error(1009)>', 'console', /^1009$/],
    ['<link rel=dns-prefetch href=//1010.attack.localhost>', 'element', /^link in <link rel="dns/],
    ['<link rel=preconnect href=https://1011.attack.localhost>', 'element', /^link in <link rel="preconnect/],

    ["<img src=x onerror=top.open('/__beacon/1008')>", 'page', /./],
  ]
  for (const [text, by, what] of attacks) {
    await answerWith(id, text)
    await noticed(watch, by, what)
  }
  for (const element of [/^iframe/, /^onerror/, /^img in a text/]) await noticed(watch, 'element', element)
  expect(() => watch.expectNothing()).toThrow('Attacks had effects')
  const names = await watch.close()
  for (const name of ['attack.localhost', '1010.attack.localhost', '1011.attack.localhost']) expect(names).toContain(name)
}, 60_000)

test('what the policy of the page has kept from running is noticed, too', async () => {
  const { watch, page, id } = await broken(true)
  await answerWith(id, '<img src=https://attack.localhost/1001 onerror=xss(1002)>\n\n<iframe src=https://attack.localhost/1003></iframe>\n')
  await noticed(watch, 'policy', /^img-src https:\/\/attack\.localhost\/1001/)
  await noticed(watch, 'policy', /^script-src-attr inline/)
  await noticed(watch, 'policy', /^frame-src https:\/\/attack\.localhost/)
  await noticed(watch, 'console', /Content Security Policy/)
  await noticed(watch, 'element', /^onerror/)
  expect(watch.hits.filter(({ by }) => by === 'call')).toEqual([])
  expect(await reply(page).count()).toBe(1)
  await watch.close()
}, 60_000)

test('every kind of element and attribute that does not belong in a text is noticed', async () => {
  const watch = await watchAttacks(server)
  const page = await watch.open()
  const audited = async (markup: string, at = 'data-part="text"') => {
    const before = watch.hits.length
    await page.evaluate(
      ([html, place]) => {
        document.body.innerHTML = `<div role="log"><div ${place}>${html}</div></div>`
      },
      [markup, at] as const,
    )
    await watch.audit(page)
    return watch.hits.slice(before).filter(({ by }) => by === 'element').length
  }
  const blank = `${server.url}/c/blank`
  await page.route(blank, (route) => route.fulfill({ body: '<!doctype html><title>Blank</title>', contentType: 'text/html' }))
  await page.goto(blank)
  const link = 'target="_blank" rel="noopener noreferrer nofollow"'
  for (const fine of [
    `<p>a <strong>b</strong> <a href="https://a.test/" ${link}>c</a> <a href="mailto:a@b.c" ${link}>d</a></p>`,
    '<div class="code"><div class="code-bar"><span>js</span><button type="button" class="quiet" data-code="copy">Copy</button></div>' +
      '<pre tabindex="0"><code data-language="js" data-coloured><span class="hljs-title function_">a</span></code></pre></div>',
    '<div class="table" tabindex="0"><table><thead><tr><th align="left">a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table></div>',
  ]) {
    expect([fine, await audited(fine)]).toEqual([fine, 0])
  }
  const strange = [
    ...['script', 'style', 'iframe', 'object', 'embed', 'form', 'base', 'meta', 'link', 'img', 'svg', 'math', 'input', 'template', 'x-y'],
    ...[
      'video',
      'audio',
      'button formaction=a',
      'p onclick=a',
      'p style=a:b',
      'p id=a',
      'p name=a',
      'p class=message',
      'div data-part=text',
    ],
    ...['a href=javascript:a', 'a href=data:a', `a href=vbscript:a ${link}`, `a href="//a" rel=opener`, 'p is=a', 'p background=//a'],
  ]
  for (const tag of strange) expect([tag, (await audited(`<${tag}>x`)) > 0]).toEqual([tag, true])
  for (const tag of [
    'iframe',
    'style',
    'svg><use',
    'p onclick=a',
    'img src=//a.test',
    'a href=javascript:a',
    'form action=//a.test',
    'script',
  ])
    expect([tag, (await audited(`<${tag}>x`, '')) > 0]).toEqual([tag, true])
  await watch.close()
}, 60_000)
