import { sql } from 'drizzle-orm'
import { customType, timestamp } from 'drizzle-orm/pg-core'

export const time = () => timestamp({ withTimezone: true, mode: 'date', precision: 3 })

// drizzle 0.45 over bun-sql would store a JSON string inside of jsonb; as a cast from text every driver stores the value itself.
export const json = <T>() =>
  customType<{ data: T; driverData: unknown }>({
    dataType: () => 'jsonb',
    toDriver: (value) => sql`${JSON.stringify(value)}::text::jsonb`,
    fromDriver: (value) => (typeof value === 'string' ? JSON.parse(value) : value) as T,
  })()

/**
 * The transaction that last changed a row, PostgreSQL's xid8. A reader that remembers its snapshot's xmin and later asks for
 * `changed >= xmin` misses no commit, whatever order transactions ended in; a clock or a sequence cannot promise that.
 */
export const changed = customType<{ data: string; driverData: unknown }>({
  dataType: () => 'xid8',
  fromDriver: (value) => String(value),
})
