import type { IncomingHttpHeaders } from 'node:http';
import { type TObject, type TSchema, Type } from 'typebox';
import { parseDuration } from '../../domain/duration.ts';
import { type FieldError, RequestError } from '../errors.ts';
import type { MutationOptions } from './route.ts';
import { closed } from './schemas.ts';
import { type Check, checkOf, inParameters } from './validation.ts';

/** The longest time in which a change may wait for its confirmation: a day. Seconds. */
const longestConfirm = 86_400;

/** The query parameters of every route that changes something. */
export const mutationQuery = {
  dryRun: Type.Optional(
    Type.Boolean({ default: false, description: 'Only say what would change; nothing is changed' }),
  ),
  confirm: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,8}[smhd]?$',
      description:
        'The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection',
    }),
  ),
};

/** The header by which a request that is sent twice is known. */
export const idempotencyKey = Type.String({
  pattern: '^[\\x21-\\x7e]{1,128}$',
  description:
    'At most 128 visible characters of ASCII. The same key with the same request is given the first answer again',
});

/** Reads the parameters of a path or a query, which come in as text. @throws RequestError `request-invalid` */
export type ParameterReader = (given: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

/** How the parameters of a schema are read: strictly, and none that it doesn't know. */
export function parameterReader(
  schema: TObject = closed({}),
  more: Readonly<Record<string, TSchema>> = {},
): ParameterReader {
  const properties: Readonly<Record<string, TSchema>> = { ...schema.properties, ...more };
  const check: Check = checkOf(closed(properties));
  return (given) => {
    const errors: FieldError[] = [];
    const values: Record<string, unknown> = Object.create(null);
    for (const [name, text] of Object.entries(given)) {
      const value = Array.isArray(text) ? twice : readValue(text, properties[name]);
      if (value instanceof Unreadable) errors.push({ parameter: name, message: value.message });
      else values[name] = value;
    }
    const known = new Set(errors.map(({ parameter }) => parameter));
    const others = inParameters(check(values)).filter(({ parameter }) => !known.has(parameter));
    const all = [...errors, ...others];
    if (all.length > 0) throw new RequestError('request-invalid', sentence('parameter', all), all);
    return values;
  };
}

/** Why a text is no value. */
class Unreadable {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const twice = new Unreadable('is there more than once');
const noNumber = new Unreadable('must be a whole number in digits');
const noDecimal = new Unreadable('must be a number in digits, with a point at most');
const noBoolean = new Unreadable('must be true or false');

function readValue(text: unknown, schema: TSchema | undefined): unknown {
  const type: unknown = schema === undefined || !('type' in schema) ? undefined : schema.type;
  if (type === 'integer') return /^-?(?:0|[1-9][0-9]{0,14})$/.test(String(text)) ? Number(text) : noNumber;
  if (type === 'number')
    return /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?$/.test(String(text)) ? Number(text) : noDecimal;
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : noBoolean);
  return text;
}

/** The first of what is wrong, for people who read no further. */
export function sentence(kind: 'parameter' | 'field', errors: readonly FieldError[]): string {
  const [first] = errors;
  const name = first?.parameter ?? first?.pointer;
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
  return `${name === '' ? 'The body' : `The ${kind} ${name}`} ${first?.message}${more}`;
}

const checkKey = checkOf(closed({ 'idempotency-key': Type.Optional(idempotencyKey) }));

/** How a change is to be made, by the query, already read, and the headers. @throws RequestError `request-invalid` */
export function mutationOptions(
  query: Readonly<Record<string, unknown>>,
  headers: IncomingHttpHeaders,
): MutationOptions {
  const key = headers['idempotency-key'];
  const errors = inParameters(checkKey(key === undefined ? {} : { 'idempotency-key': key }));
  const confirm = query['confirm'] === undefined ? undefined : parseDuration(String(query['confirm']));
  if (confirm !== undefined && confirm > longestConfirm)
    errors.push({ parameter: 'confirm', message: `is longer than a day, ${longestConfirm} seconds` });
  if (errors.length > 0) throw new RequestError('request-invalid', sentence('parameter', errors), errors);
  return { dryRun: query['dryRun'] === true, confirm, idempotencyKey: key === undefined ? undefined : String(key) };
}
