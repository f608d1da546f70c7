import { expect, test } from 'bun:test'
import { appDocument, enterDocument, messageDocument, shellDocument } from '../../server/pages/documents.ts'

const assets = {
  build: 'b1',
  look: '/assets/look-1.js',
  script: '/assets/index-1.js',
  styles: ['/assets/index-1.css'],
  preloads: ['/assets/room-1.js'],
}
const hostile = '"><script>alert(1)</script>\'&'
const pages = {
  app: appDocument({ assets, person: { id: 'p', name: hostile, kind: 'owner' }, model: hostile, demo: true }),
  shell: shellDocument({ assets }),
  enter: enterDocument({ assets, owner: false, passkeys: true }),
  message: messageDocument({ title: hostile, sentence: hostile, link: { href: hostile, words: hostile }, assets }),
}

type Found = { tag: string; attributes: [string, string][] }

function elements(html: string): Found[] {
  const found: Found[] = []
  const rewriter = new HTMLRewriter().on('*', {
    element(element) {
      found.push({ tag: element.tagName, attributes: [...element.attributes] })
    },
  })
  rewriter.transform(html)
  return found
}

test.each(Object.entries(pages))('the %s page has no script, style or handler inside', (_name, html) => {
  const found = elements(html)
  for (const { tag, attributes } of found) {
    expect(tag).not.toBe('style')
    for (const [name] of attributes) expect(name).not.toMatch(/^(on|style$|srcdoc$)/)
    // One of the old kind is waited for before anything is painted: that is the one which makes the page look as it is to.
    const isLook = attributes.some(([, value]) => value === assets.look)
    if (tag === 'script') expect(attributes.map(([name]) => name)).toEqual(isLook ? ['src'] : ['type', 'src'])
  }
  expect(html.match(/<script[^>]*>[^<]/)).toBeNull()
  expect(found.some(({ tag }) => tag === 'main')).toBe(true)
})

test.each(Object.entries(pages))('the %s page shows foreign text as text', (_name, html) => {
  expect(html).not.toContain('alert(1)</script>')
})

test('the app carries who is signed in and what answers', () => {
  const body = elements(pages.app).find(({ tag }) => tag === 'body')
  expect(Object.fromEntries(body?.attributes ?? [])).toMatchObject({ 'data-person': 'p', 'data-demo': 'true' })
})

test('the app has a place for every landmark that readers and tests look for', () => {
  const found = elements(pages.app).map(({ tag, attributes }) => ({ tag, ...Object.fromEntries(attributes) }))
  expect(found).toContainEqual(expect.objectContaining({ tag: 'nav', 'aria-label': 'Conversations' }))
  expect(found).toContainEqual(expect.objectContaining({ role: 'log', 'aria-label': 'Messages' }))
  expect(found).toContainEqual(expect.objectContaining({ role: 'status', 'data-connection': 'connecting' }))
  expect(found.filter(({ tag }) => tag === 'h1')).toHaveLength(1)
})

test('the entrance says whether a name is needed', () => {
  expect(pages.enter).toContain('data-owner="false"')
  expect(enterDocument({ assets, owner: true, passkeys: false })).toContain('data-owner="true"')
})

test('the entrance says whether somebody can have a passkey: only at an address that has them, and not before there is anybody', () => {
  expect(pages.enter).toContain('data-passkeys="false"')
  expect(enterDocument({ assets, owner: true, passkeys: false })).toContain('data-passkeys="false"')
  expect(enterDocument({ assets, owner: true, passkeys: true })).toContain('data-passkeys="true"')
})

test('the shell is the app without anything of a person or of this server', () => {
  const body = elements(pages.shell).find(({ tag }) => tag === 'body')
  expect(Object.fromEntries(body?.attributes ?? [])).toEqual({ class: 'app', 'data-build': 'b1' })
  const islands = (html: string) => elements(html).flatMap(({ attributes }) => attributes.filter(([name]) => name === 'data-island'))
  expect(islands(pages.shell)).toEqual(islands(pages.app))
})
