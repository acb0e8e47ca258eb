export type Json = unknown;
export type Fields = Readonly<Record<string, Json>>;

/** The error for what the evaluator doesn't know. */
export function unknown(value: Json): Error {
  return new Error(`Not known what nft means by ${JSON.stringify(value)}`);
}

export function isObject(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectOf(value: Json): Fields {
  if (isObject(value)) return value;
  throw unknown(value);
}

/** The fields of an object that has these, perhaps those, and no others. */
export function fieldsOf(value: Json, required: readonly string[], optional: readonly string[] = []): Fields {
  const object = objectOf(value);
  const names = Object.keys(object);
  if (required.some((name) => !names.includes(name))) throw unknown(value);
  if (names.some((name) => !required.includes(name) && !optional.includes(name))) throw unknown(value);
  return object;
}

/** Name and value of the only field of an object. */
export function onlyField(value: Json): readonly [string, Json] {
  const [first, ...more] = Object.entries(objectOf(value));
  if (first === undefined || more.length > 0) throw unknown(value);
  return first;
}

export function listOf(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value;
  throw unknown(value);
}

export function textOf(value: Json): string {
  if (typeof value === 'string') return value;
  throw unknown(value);
}
