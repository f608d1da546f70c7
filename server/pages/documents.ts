import type { Person } from '#contract'
import type { PageAssets } from './assets.ts'

/*
 * Every page is whole without a script of its own in it: no inline script, style or handler, because the policy of the pages allows
 * none. What an island will show is printed as a skeleton of the same size, so that nothing moves when it comes.
 */

// On the pages of those who have rooms here; whoever reads a shared page has nothing to install.
const INSTALLED = '<link rel="manifest" href="/manifest.webmanifest">'

/** The app: the islands' places, who is signed in, and what to load. */
export function appDocument(options: { assets: PageAssets; person: Person; model: string; demo: boolean }): string {
  const { assets, person, model, demo } = options
  return room({
    assets,
    facts: ` data-person="${escape(person.id)}" data-name="${escape(person.name)}" data-model="${escape(model)}" data-demo="${demo}"`,
    name: person.name,
    model: demo ? 'Demo model' : model,
    banner: demo
      ? '<p class="banner"><strong>Demo answers.</strong> For Gemini, set <code>GEMINI_API_KEY</code> on the server and start it again.</p>'
      : '',
  })
}

/** The app as a browser keeps it for the time without a server: nothing in it is anybody's. Who it is for, the browser remembers. */
export function shellDocument(options: { assets: PageAssets }): string {
  return room({ assets: options.assets, facts: '', name: '', model: '', banner: '' })
}

function room({ assets, facts, name, model, banner }: { assets: PageAssets; facts: string; name: string; model: string; banner: string }) {
  return page({
    title: 'Confab',
    head: `${INSTALLED}\n${loads(assets)}`,
    body: `<body class="app" data-build="${escape(assets.build)}"${facts}>
<p class="skip"><a href="#message">Write a message</a><a href="#transcript">Read the messages</a></p>
<nav class="rooms" id="rooms" popover aria-label="Conversations" data-island="conversations">
<div class="rooms-inside">
<div class="rooms-head"><span class="brand"><span class="brand-gap"></span>Confab</span></div>
<div class="rooms-list"></div>
<div class="rooms-foot"><span class="me"><span class="avatar avatar-empty"></span><span class="me-words"><span>${escape(name)}</span><span class="faint">Connecting…</span></span></span></div>
</div>
</nav>
<main class="room">
<header class="title" data-island="title"><div class="title-words"><div class="title-line"><h1>Confab</h1></div><p class="faint">${escape(model)}</p></div></header>
<div class="banner-place" data-island="banner">${banner}</div>
<div class="messages" data-island="messages"><div class="scroller" id="transcript" role="log" aria-label="Messages" aria-live="off" aria-busy="true" tabindex="0"><div class="column">
<noscript><p class="notice">Confab needs JavaScript: it shows answers while they are being written.</p></noscript>
<div class="skeleton" aria-hidden="true"><i></i><b></b><b></b><i></i><b></b><b></b><b></b></div>
</div></div></div>
<div class="status-place" data-island="status"><div role="status" data-connection="connecting"></div></div>
<div class="composer-place" data-island="composer"><div class="composer composer-empty" aria-hidden="true"></div></div>
</main>
<div class="panels">
<div data-island="invite-panel" data-when="opened"></div>
<div data-island="people-panel" data-when="opened"></div>
<div data-island="room-panel" data-when="opened"></div>
<div data-island="settings-panel" data-when="opened"></div>
<div data-island="usage-panel" data-when="opened"></div>
<div data-island="server-panel" data-when="opened"></div>
<div data-island="search-panel" data-when="opened"></div>
<div data-island="prompts-panel" data-when="opened"></div>
<div data-island="keys-panel" data-when="opened"></div>
</div>
</body>`,
  })
}

/**
 * The entrance: `owner` says whether somebody owns this server already; without one the person who enters gives a name. `passkeys`: browsers have
 * them at this address.
 */
export function enterDocument(options: { assets: PageAssets; owner: boolean; passkeys: boolean }): string {
  const { assets, owner, passkeys } = options
  return page({
    title: 'Enter Confab',
    head: `${INSTALLED}\n${loads(assets)}`,
    body: `<body class="door" data-owner="${owner}" data-passkeys="${owner && passkeys}">
<main class="card">
<img src="/favicon.svg" width="48" height="48" alt="">
<h1>Confab</h1>
<div id="enter"><p class="faint">One moment…</p></div>
<noscript><p>Confab needs JavaScript: the secret of your link stays in this browser until you press a button.</p></noscript>
</main>
</body>`,
  })
}

/** One sentence on a page of its own: a wrong address, a request that was refused, a server that is not ready. */
export function messageDocument(options: {
  title: string
  sentence: string
  link: { href: string; words: string } | null
  assets: Pick<PageAssets, 'look' | 'styles'>
}): string {
  const { title, sentence, link, assets } = options
  return page({
    title: `${title} · Confab`,
    head: looks(assets),
    body: `<body class="door">
<main class="card">
<img src="/favicon.svg" width="48" height="48" alt="">
<h1>${escape(title)}</h1>
<p>${escape(sentence)}</p>
${link ? `<p><a class="button primary" href="${escape(link.href)}">${escape(link.words)}</a></p>` : ''}
</main>
</body>`,
  })
}

// On paper the frame keeps its height and gets another width, and the page around it is light.
const DIAGRAM_STYLE = `
body { margin: 0 }
svg { display: block; margin: 0 auto; max-width: 100%; height: auto }
@media print {
  svg { width: 100% !important; min-width: 0 !important; max-width: none !important; height: 100vh !important }
  body { background: none !important }
  body[data-dark] { filter: invert(1) hue-rotate(180deg) }
}
`

/** A frame that draws one diagram; see `framed`. */
export function diagramDocument(script: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Diagram</title><style>${DIAGRAM_STYLE}</style></head>
<body><script src="${escape(script)}"></script></body>
</html>
`
}

/** Every page is made of this. */
export function page({ title, head, body }: { title: string; head: string; body: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="description" content="One room for people and Gemini, on your own server.">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#fbfaf7" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#161614" media="(prefers-color-scheme: dark)">
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="apple-touch-icon" href="/icons/apple-touch-icon.png">
${head}
</head>
${body}
</html>
`
}

export function loads(assets: PageAssets): string {
  const { script, preloads } = assets
  return [
    looks(assets),
    ...preloads.map((href) => `<link rel="modulepreload" href="${escape(href)}">`),
    `<script type="module" src="${escape(script)}"></script>`,
  ].join('\n')
}

function looks({ look, styles }: Pick<PageAssets, 'look' | 'styles'>): string {
  return [`<script src="${escape(look)}"></script>`, ...styles.map((href) => `<link rel="stylesheet" href="${escape(href)}">`)].join('\n')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escape(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
