const PROGRAM = new URL('./database-process.ts', import.meta.url).pathname

/** Another process that has a database open and writes to it all the time. */
export interface DatabaseProcess {
  readonly pid: number
  /** `open`, or `refused: …` with the reason. */
  readonly opened: Promise<string>
  /** The ids of the people that it was told are stored. */
  readonly acknowledged: readonly string[]
  /** Asks it to close and waits for its end. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

export function startDatabaseProcess(dataDir: string, url?: string): DatabaseProcess {
  const child = Bun.spawn([process.execPath, PROGRAM, dataDir, ...(url === undefined ? [] : [url])], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const first = Promise.withResolvers<string>()
  const acknowledged: string[] = []
  const read = async () => {
    const decoder = new TextDecoder()
    let rest = ''
    let opened = false
    for await (const bytes of child.stdout) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (opened) acknowledged.push(line)
        else first.resolve(line)
        opened = true
      }
    }
    first.resolve('ended without a word')
  }
  const ended = Promise.all([read(), child.exited])
  return {
    pid: child.pid,
    opened: first.promise,
    acknowledged,
    async stop() {
      await child.stdin.end()
      await ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
