import type { ErrorCode, ErrorData } from '#contract'

/**
 * Why a call was not carried out: the server's code with its data, or `offline`: no answer came, so that it may have been carried out all the
 * same; `invalid`: the server could not read it; `internal`: it failed.
 */
export type Refused =
  | { [Code in ErrorCode]: { code: Code; data: ErrorData[Code] } }[ErrorCode]
  | { code: 'offline' | 'invalid' | 'internal' }

/** What a call that somebody waits for is rejected with. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly refused: Refused

  constructor(refused: Refused) {
    super(refused.code)
    this.refused = refused
  }
}

/** For whatever a call was rejected with. */
export function refusedOf(error: unknown): Refused {
  return error instanceof RefusedError ? error.refused : { code: 'internal' }
}
