import { join } from 'node:path'

export type Helper = {
  readonly pid: number
  /** The next line of standard output that fits. Throws when the process ends before. */
  line(fits: RegExp): Promise<RegExpExecArray>
  write(text: string): void
  /** Closes standard input: the sign to report or to end. */
  finish(): void
  kill(): Promise<void>
}

/** Starts a script of this repository in a process of its own. */
export function startHelper(script: string, args: readonly string[] = [], env: Record<string, string> = {}): Helper {
  const child = Bun.spawn([process.execPath, '--no-env-file', join(import.meta.dirname, '..', script), ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const reader = child.stdout.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  return {
    pid: child.pid,
    async line(fits) {
      for (;;) {
        const end = rest.indexOf('\n')
        if (end >= 0) {
          const found = fits.exec(rest.slice(0, end))
          rest = rest.slice(end + 1)
          if (found) return found
          continue
        }
        const { done, value } = await reader.read()
        if (done) throw new Error(`${script} ended before it said ${fits}`)
        rest += decoder.decode(value, { stream: true })
      }
    },
    write(text) {
      void child.stdin.write(text)
      void child.stdin.flush()
    },
    finish() {
      void child.stdin.end()
    },
    async kill() {
      child.kill()
      await child.exited
    },
  }
}
