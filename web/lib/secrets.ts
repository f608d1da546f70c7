import { base64url } from './base64url.ts'

/** 256 random bits as base64url: the secret of a link, made here so that a call which is repeated makes the same link. */
export function newToken(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)))
}

/** The address that opens an invitation or brings another device in. Its secret is in the fragment, which no server and no log ever sees. */
export function enterAddress(token: string): string {
  return `${location.origin}/enter#${token}`
}

/** The address of a shared page. Its secret is in the path, for it has to be readable without a script. */
export function shareAddress(token: string): string {
  return `${location.origin}/s/${token}`
}

/** Whether this page was opened under an address that leads other devices to themselves. */
export function isOwnMachineOnly(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}
