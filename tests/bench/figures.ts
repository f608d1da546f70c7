/** The value below which a share of the values lies; 0.5 is the median. NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Milliseconds that all threads of a process have spent on a processor so far. Linux only. */
export async function cpuMs(pid: number): Promise<number> {
  let total = 0
  for await (const file of new Bun.Glob('*/schedstat').scan({ cwd: `/proc/${pid}/task`, onlyFiles: false })) {
    const text = await Bun.file(`/proc/${pid}/task/${file}`)
      .text()
      .catch(() => '0')
    total += Number(text.split(' ')[0]) / 1e6
  }
  return total
}

/** The clock that every process of a run shares: milliseconds since 1970, with fractions. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now()
}

/** The time at which a stamped chunk was sent: its text begins with `@<milliseconds since 1970> `. null without a stamp. */
export function stampOf(text: string): number | null {
  const stamp = /@(\d+\.\d+) /.exec(text)?.[1]
  return stamp === undefined ? null : Number(stamp)
}
