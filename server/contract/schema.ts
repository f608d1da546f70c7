import type { StandardSchemaV1 } from '@standard-schema/spec'
import { FormatRegistry, type Static, type TSchema } from '@sinclair/typebox'
import { TypeCompiler, type TypeCheck } from '@sinclair/typebox/compiler'
import { isId } from './ids.ts'
import { label } from './text.ts'

const MAX_ISSUES = 20

// TypeBox knows no formats by itself and refuses a value whose format nobody registered.
FormatRegistry.Set('uuid', isId)
// A name of which nothing is left to see would be nobody's.
FormatRegistry.Set('visible', (value) => label(value, value.length) !== '')

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>()

export type Schema<T extends TSchema> = StandardSchemaV1<Static<T>, Static<T>> & { readonly typebox: T }

/**
 * A TypeBox 0.34 schema as a Standard Schema (https://standardschema.dev), the form oRPC validates with.
 * Checks only: no Transform, no defaults, nothing is converted or stripped. At most 20 issues are reported.
 */
export function standard<T extends TSchema>(schema: T): Schema<T> {
  return {
    typebox: schema,
    '~standard': {
      version: 1,
      vendor: 'typebox',
      validate(value) {
        const check = checker(schema)
        if (check.Check(value)) return { value }
        const issues: StandardSchemaV1.Issue[] = []
        for (const error of check.Errors(value)) {
          issues.push({ message: error.message, path: segments(error.path) })
          if (issues.length === MAX_ISSUES) break
        }
        return { issues: issues.length > 0 ? issues : [{ message: 'Invalid value' }] }
      },
    },
  }
}

// Compiled on first use, so importing the contract stays cheap.
function checker<T extends TSchema>(schema: T): TypeCheck<T> {
  let check = compiled.get(schema)
  if (!check) compiled.set(schema, (check = TypeCompiler.Compile<TSchema>(schema)))
  return check as TypeCheck<T>
}

/** JSON Pointer (RFC 6901) to path segments. */
function segments(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}
