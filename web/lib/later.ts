/**
 * Starts what has to be fetched first, unless it was stopped meanwhile; without a network, where it was never fetched, it does not start. Returns its
 * stop.
 */
export function startLater(fetched: Promise<() => () => void>): () => void {
  let left = false
  let stop = () => {}
  void fetched.then(
    (start) => {
      if (!left) stop = start()
    },
    () => undefined,
  )
  return () => {
    left = true
    stop()
  }
}
