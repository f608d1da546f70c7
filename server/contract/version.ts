/**
 * The version of the wire: procedures, frames and records together. Raise WIRE with every change that an older client would
 * misread, and MINIMUM_WIRE when older clients can no longer be served: they are told to reload (close code 4426).
 * tests/contract/version.test.ts holds a hash of the whole contract, so that a change cannot happen unnoticed.
 */
export const WIRE = 1
export const MINIMUM_WIRE = 1
