/** What may be believed of a request. `port` is the one that this server listens on. */
export type Trust = { readonly tls: boolean; readonly trustProxy: boolean; readonly port: number }

/** Whether the person's browser came over https: by our own TLS, or as a trusted proxy says. */
export function isSecure(request: Request, trust: Trust): boolean {
  return trust.tls || (trust.trustProxy && last(request.headers.get('x-forwarded-proto')) === 'https')
}

/**
 * Whether a page of this very server sent the request. For everything that changes something and for the upgrade: browsers attach cookies to
 * cross-site socket upgrades, and SameSite takes another port of the same host for the same site. A missing Origin is a foreign one.
 */
export function isSameOrigin(request: Request, trust: Trust): boolean {
  const origin = request.headers.get('origin')
  return origin !== null && origin === originOf(request, trust)
}

/** The origin of the pages that are asked for by this address; null: the request does not say its host. */
export function originOf(request: Request, trust: Trust): string | null {
  const host = request.headers.get('host')
  return host ? `${isSecure(request, trust) ? 'https' : 'http'}://${host}` : null
}

/**
 * Whom to count a request to: the peer's address, an IPv6 one by its /64, since that is what one household or machine gets. Behind a trusted
 * proxy it is the last entry of X-Forwarded-For, the one that the proxy itself wrote.
 */
export function addressOf(request: Request, peer: string | null, trust: Trust): string {
  const address = (trust.trustProxy && last(request.headers.get('x-forwarded-for'))) || peer || 'unknown'
  const plain = address.replace(/^::ffff:/i, '')
  return plain.includes(':') ? network(plain) : plain
}

function last(header: string | null): string | null {
  return header?.split(',').at(-1)?.trim().toLowerCase() ?? null
}

/** The first four groups of an IPv6 address. */
function network(address: string): string {
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups
    .slice(0, 4)
    .map((group) => group.padStart(4, '0'))
    .join(':')
}
