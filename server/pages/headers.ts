/**
 * On every answer. Nothing is allowed but what the pages need: own scripts, styles, images and sockets. `require-trusted-types-for` makes the
 * browser itself refuse any HTML that did not pass one of the named policies (the templates' and the markdown renderer's), and any worker but
 * the two whose addresses the other policies make.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types svelte-trusted-html confab-markdown confab-worker confab-search',
].join('; ')

const HEADERS: Record<string, string> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  // Over plain http some browsers look up the host of every link on a page before anybody follows it, and a name can carry what was read here.
  'x-dns-prefetch-control': 'off',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
}

/**
 * Of the page in which a diagram is drawn, instead of the policy above: it has no origin, wherever it is opened, and nothing to talk to. The drawing
 * has its styles in it. Of all pages it is the only one that may be in a frame, so that `frame-src` lets in no other.
 */
const DIAGRAM_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"

/** What the page of a diagram is answered with, after `secured`. */
export function framed(response: Response): Response {
  response.headers.set('content-security-policy', DIAGRAM_POLICY)
  response.headers.set('x-frame-options', 'SAMEORIGIN')
  return response
}

/** Lets a page without an origin load a file: the frame of a diagram its script, which is the same for everybody. */
export function forAnyOrigin(response: Response): Response {
  response.headers.set('cross-origin-resource-policy', 'cross-origin')
  return response
}

/** Adds the security headers to an answer, and HSTS when the person came over https. */
export function secured(response: Response, secure: boolean): Response {
  for (const [name, value] of Object.entries(HEADERS)) response.headers.set(name, value)
  if (secure) response.headers.set('strict-transport-security', 'max-age=31536000')
  return response
}
