import { isSecure, type Trust } from './requests.ts'
import { isToken } from './tokens.ts'

export const SESSION_MS = 90 * 24 * 60 * 60 * 1000

// Cookies ignore ports: without the port in the name, two servers on one host would overwrite each other's.
function cookieName(secure: boolean, port: number): string {
  return `${secure ? '__Host-' : ''}confab${port}`
}

export function readSessionCookie(request: Request, trust: Trust): string | null {
  const name = cookieName(isSecure(request, trust), trust.port)
  for (const pair of (request.headers.get('cookie') ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2)
    if (key === name && isToken(value)) return value
  }
  return null
}

/** A Set-Cookie value; `token` null removes the cookie. */
export function sessionCookie(request: Request, trust: Trust, token: string | null): string {
  const secure = isSecure(request, trust)
  const age = token === null ? 0 : SESSION_MS / 1000
  return `${cookieName(secure, trust.port)}=${token ?? ''}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${age}${secure ? '; Secure' : ''}`
}
