import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import type { FieldError } from '../errors.ts';

/** The errors that are named at most, so that an answer is never much longer than its question. */
const mostErrors = 20;

// Some of what is found falls together. The package would stop at 8.
Settings.Set({ maxErrors: 4 * mostErrors });

/** What is wrong with a value, one entry each; empty when nothing is. */
export type Check = (value: unknown) => readonly Finding[];

/** What is wrong at one place of a value. */
export interface Finding {
  /** JSON pointer (RFC 6901). */
  readonly pointer: string;
  readonly message: string;
}

/** Compiles the check of a schema. */
export function checkOf(schema: TSchema): Check {
  const validator = Compile(schema);
  return (value) => {
    if (validator.Check(value)) return [];
    const findings = validator.Errors(value).flatMap((error) => findingsOf(error, schema));
    return unique(findings).slice(0, mostErrors);
  };
}

type SchemaError = ReturnType<ReturnType<typeof Compile>['Errors']>[number];

function findingsOf(error: SchemaError, schema: TSchema): Finding[] {
  const { keyword, instancePath: pointer, schemaPath } = error;
  // What is wrong with each alternative says nothing that the alternatives together don't.
  if (schemaPath.includes('/anyOf/')) return [];
  switch (keyword) {
    case 'boolean':
      return [];
    case 'required':
      return error.params.requiredProperties.map((name) => at(pointer, name, 'is missing'));
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => at(pointer, name, 'is not known here'));
    default: {
      const wanted = description(schema, schemaPath, keyword);
      return [{ pointer, message: wanted ?? error.message }];
    }
  }
}

function at(pointer: string, name: string, message: string): Finding {
  return { pointer: `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, message };
}

/** What the schema says of itself, where that tells more than the rule that failed. */
function description(schema: TSchema, schemaPath: string, keyword: string): string | undefined {
  let part: unknown = schema;
  for (const step of schemaPath.split('/').slice(1))
    part = (part as Readonly<Record<string, unknown>> | undefined)?.[step];
  const found = part as { readonly description?: string; readonly enum?: readonly unknown[] } | undefined;
  if (keyword === 'enum') return `must be one of ${found?.enum?.join(', ')}`;
  if (!['pattern', 'format', 'anyOf'].includes(keyword) || found?.description === undefined) return undefined;
  return `is not valid. What is taken: ${found.description}`;
}

/** One entry a place: what is wrong there first is enough to go on. */
function unique(findings: readonly Finding[]): Finding[] {
  const byPointer = new Map<string, Finding>();
  for (const finding of findings) if (!byPointer.has(finding.pointer)) byPointer.set(finding.pointer, finding);
  return [...byPointer.values()];
}

/** Findings in a body, as problem details have them. */
export function inBody(findings: readonly Finding[]): FieldError[] {
  return findings.map(({ pointer, message }) => ({ pointer, message }));
}

/** Findings among parameters, which have no structure but their names. */
export function inParameters(findings: readonly Finding[]): FieldError[] {
  return findings.map(({ pointer, message }) => ({ parameter: nameOf(pointer), message }));
}

function nameOf(pointer: string): string {
  return pointer.slice(1).replaceAll('~1', '/').replaceAll('~0', '~');
}
