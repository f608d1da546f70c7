import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from './debian.ts'
import { eventually } from './eventually.ts'

const README = join(import.meta.dirname, '../../README.md')
const NAME = 'chat.example.org'
const START_MS = 20_000

/** A reverse proxy in front of a server, by the very configuration that README.md gives. */
export type Front = {
  readonly url: string
  /** PEM of the authority that has signed its certificate. */
  readonly authority: string
  stop(): Promise<void>
}

/** Caddy, which signs for localhost by an authority of its own. */
export async function startCaddy(
  port: number,
  serverPort: number,
): Promise<Front & { readonly certificate: string; readonly key: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'confab-caddy-'))
  const site = recipe('caddyfile').replace(NAME, `localhost:${port}`).replace('127.0.0.1:3000', `127.0.0.1:${serverPort}`)
  writeFileSync(join(folder, 'Caddyfile'), `{\n  admin off\n  skip_install_trust\n  auto_https disable_redirects\n}\n${site}`)
  const { path, env } = await findProgram('caddy')
  const child = start([path, 'run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], {
    ...env,
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
  })
  const file = (name: string) => join(folder, 'caddy', name)
  const authority = file('pki/authorities/local/root.crt')
  const certificate = file('certificates/local/localhost/localhost.crt')
  await child.until(() => existsSync(authority) && existsSync(certificate) && answers(port, serverPort))
  return {
    url: `https://localhost:${port}`,
    authority: readFileSync(authority, 'utf8'),
    certificate,
    key: file('certificates/local/localhost/localhost.key'),
    stop: () => child.stop().then(() => rmSync(folder, { recursive: true, force: true })),
  }
}

/** nginx, with somebody else's certificate for localhost. */
export async function startNginx(
  port: number,
  serverPort: number,
  signed: { authority: string; certificate: string; key: string },
): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), 'confab-nginx-'))
  const site = recipe('nginx')
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace(`server_name ${NAME}`, 'server_name localhost')
    .replace(/(ssl_certificate) .*;/, `$1 ${signed.certificate};`)
    .replace(/(ssl_certificate_key) .*;/, `$1 ${signed.key};`)
    .replace('127.0.0.1:3000', `127.0.0.1:${serverPort}`)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n')
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;\nworker_processes 1;\npid ${join(folder, 'pid')};\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${paths}\n${site}}\n`,
  )
  const { path, env } = await findProgram('nginx', ['libpcre2-8-0', 'libssl3', 'zlib1g', 'libcrypt1'])
  const child = start([path, '-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], env)
  await child.until(() => answers(port, serverPort))
  return {
    url: `https://localhost:${port}`,
    authority: signed.authority,
    stop: () => child.stop().then(() => rmSync(folder, { recursive: true, force: true })),
  }
}

/** A port that nobody listened on a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = listener
  listener.stop(true)
  return port
}

/** The block of README.md in a language. */
function recipe(language: string): string {
  const [, block] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readFileSync(README, 'utf8')) ?? []
  if (block === undefined) throw new Error(`README.md has no ${language} block.`)
  return block
}

/** Whether the server answers through the front, and not somebody else who has taken the port meanwhile. */
async function answers(port: number, serverPort: number): Promise<boolean> {
  const health = async (url: string) => (await fetch(`${url}/healthz`, { tls: { rejectUnauthorized: false } })).text()
  const [front, server] = await Promise.all([health(`https://localhost:${port}`), health(`http://127.0.0.1:${serverPort}`)])
  return front === server
}

function start(command: string[], env: Record<string, string>) {
  const child = Bun.spawn(command, { env: { PATH: process.env['PATH'] ?? '', ...env }, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  process.on('exit', () => child.kill('SIGKILL'))
  const said = new Response(child.stderr).text()
  const ended = child.exited.then(async (code) => {
    throw new Error(`${command[0]} ended with code ${code}: ${(await said).slice(-2_000)}`)
  })
  ended.catch(() => undefined)
  return {
    async until(ready: () => boolean | Promise<boolean>): Promise<void> {
      await Promise.race([eventually(async () => ready(), START_MS), ended])
    },
    async stop(): Promise<void> {
      child.kill('SIGTERM')
      await child.exited
    },
  }
}
