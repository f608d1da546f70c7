import { SQL } from 'bun'
import { newId, type Person, type Role } from '#contract'
import { adminSocketPath } from '../../server/access/admin-path.ts'
import { hashToken, newToken } from '../../server/access/tokens.ts'
import { connect, type TestClient } from './client.ts'
import type { TestServer } from './server.ts'

/** `cookie` is the value of the Cookie header: `name=value`. */
export type Entered = { readonly cookie: string; readonly person: Person }

/** Enters as the owner through a fresh link: the first call makes the owner with that name, later ones are further devices of the same person. */
export async function enter(server: TestServer, name = 'Ada'): Promise<Entered> {
  const cookie = await spend(server, await freshLink(server), name)
  const client = await connect(server, cookie)
  const { person } = await client.rpc.session.me({})
  await client.close()
  return { cookie, person }
}

/** Somebody else than the owner, put straight into the server's own PostgreSQL. */
export async function introduce(databaseUrl: string, owner: Entered, name: string, kind: Person['kind'] = 'member'): Promise<Entered> {
  const person: Person = { id: newId(), name, kind }
  const token = newToken()
  const sql = new SQL(databaseUrl, { max: 1 })
  await sql`insert into person (id, name, kind) values (${person.id}, ${name}, ${person.kind})`
  await sql`insert into session (id, token_hash, person_id, expires_at) values (${newId()}, ${hashToken(token)}, ${person.id}, now() + interval '1 day')`
  await sql.close()
  return { person, cookie: `${owner.cookie.split('=')[0]}=${token}` }
}

/** Puts somebody into a room, straight into the server's own PostgreSQL. */
export async function admit(databaseUrl: string, conversationId: string, { person }: Entered, role: Role = 'participant'): Promise<void> {
  const sql = new SQL(databaseUrl, { max: 1 })
  await sql`insert into member (conversation_id, person_id, role, changed) values (${conversationId}, ${person.id}, ${role}, pg_current_xact_id())`
  await sql.close()
}

/** A link into a room, made by an owner of it. `token` is its secret. */
export async function inviteTo(
  owner: TestClient,
  conversationId: string,
  options: { role?: Exclude<Role, 'owner'>; uses?: number | null; lastsMs?: number | null; label?: string } = {},
): Promise<{ id: string; token: string }> {
  const secret = { id: newId(), token: newToken() }
  const { role = 'participant', uses = null, lastsMs = null, label = '' } = options
  await owner.rpc.link.invite({ ...secret, conversationId, role, uses, lastsMs, label })
  return secret
}

/** A link by which anybody may read a room, made by an owner of it. */
export async function shareRoom(owner: TestClient, conversationId: string): Promise<{ id: string; token: string }> {
  const secret = { id: newId(), token: newToken() }
  await owner.rpc.link.share({ ...secret, conversationId, label: '', lastsMs: null })
  return secret
}

/** Opens an invitation as a new guest of that name. */
export async function comeIn(server: TestServer, token: string, name: string): Promise<Entered> {
  const cookie = await spend(server, `${server.url}/enter#${token}`, name)
  const client = await connect(server, cookie)
  const { person } = await client.rpc.session.me({})
  await client.close()
  return { cookie, person }
}

/** A new link to enter by, as `bun run link` prints it. */
export async function freshLink(server: TestServer): Promise<string> {
  const answer = await fetch('http://confab/link', { method: 'POST', unix: adminSocketPath(server.dataDir) })
  if (!answer.ok) throw new Error(`The admin socket answered ${answer.status}`)
  return (await answer.text()).trim()
}

/** POST /auth/enter as the page does it. Returns the cookie; throws with the refusal. */
export async function spend(server: TestServer, link: string, name?: string): Promise<string> {
  const answer = await postEnter(server, { token: new URL(link).hash.slice(1), name })
  if (!answer.ok) throw new Error(`POST /auth/enter answered ${answer.status}: ${await answer.text()}`)
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0]
  if (!cookie) throw new Error('POST /auth/enter set no cookie')
  return cookie
}

export function postEnter(server: TestServer, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return postDoor(server, '/auth/enter', body, headers)
}

/** POST /auth/look, by which the page learns whether a name is needed. */
export function postLook(server: TestServer, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return postDoor(server, '/auth/look', body, headers)
}

function postDoor(server: TestServer, path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  return fetch(new URL(path, server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: new URL(server.url).origin, ...headers },
    body: JSON.stringify(body),
  })
}
