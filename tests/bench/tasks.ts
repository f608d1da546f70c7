import type { Browser } from 'playwright'

type TraceEvent = { name: string; ph: string; pid: number; tid: number; tdur?: number; args: { name?: string } }

/**
 * The processor time, in milliseconds, of every task of the pages' main threads while something happens: unlike their length by the clock it is nearly the
 * same on a machine that has other work to do.
 */
export async function taskTimes(browser: Browser, happens: () => Promise<void>): Promise<number[]> {
  const session = await browser.newBrowserCDPSession()
  const events: TraceEvent[] = []
  session.on('Tracing.dataCollected', ({ value }) => {
    // The protocol types an event of a trace as any object.
    const traced: TraceEvent[] = JSON.parse(JSON.stringify(value))
    events.push(...traced)
  })
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', '__metadata', 'disabled-by-default-devtools.timeline'], excludedCategories: ['*'] },
  })
  await happens()
  const complete = new Promise<void>((resolve) => session.once('Tracing.tracingComplete', () => resolve()))
  await session.send('Tracing.end')
  await complete
  await session.detach()
  const mains = new Set(
    events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`),
  )
  return events.flatMap(({ name, ph, pid, tid, tdur }) =>
    name === 'RunTask' && ph === 'X' && tdur !== undefined && mains.has(`${pid} ${tid}`) ? [tdur / 1_000] : [],
  )
}
