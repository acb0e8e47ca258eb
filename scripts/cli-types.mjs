// Makes the types of rfwc, src/cli/api-types.ts, from docs/openapi.json. With --check it only says whether they are so.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = 'src/cli/api-types.ts';
const { paths, components } = JSON.parse(readFileSync(`${root}docs/openapi.json`, 'utf8'));

const comment = ({ description }) =>
  description === undefined ? '' : `/** ${description.replaceAll('*/', '* /')} */\n`;

/** A schema as a TypeScript type. */
function typeOf(schema) {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return choices.map(typeOf).join(' | ');
  if (schema.type === 'array') return `readonly (${typeOf(schema.items ?? {})})[]`;
  if (schema.type === 'object') return objectOf(schema);
  return (
    { integer: 'number', number: 'number', string: 'string', boolean: 'boolean', null: 'null' }[schema.type] ??
    'unknown'
  );
}

function objectOf({ properties, required = [], additionalProperties, patternProperties }) {
  if (Object.keys(properties ?? {}).length === 0) {
    const [values = additionalProperties] = Object.values(patternProperties ?? {});
    return `Readonly<Record<string, ${values && values !== true ? typeOf(values) : 'unknown'}>>`;
  }
  const members = Object.entries(properties).map(([name, schema]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
    return `${comment(schema)}readonly ${key}${required.includes(name) ? '' : '?'}: ${typeOf(schema)};`;
  });
  return `{ ${members.join('\n')} }`;
}

function declarationOf([name, schema]) {
  const isInterface = schema.type === 'object' && schema.properties !== undefined;
  return `${comment(schema)}export ${isInterface ? `interface ${name} ${objectOf(schema)}` : `type ${name} = ${typeOf(schema)};`}`;
}

/** What one takes and gives. Bodies and answers that aren't JSON are bytes, and not typed. */
function operationOf({ parameters = [], requestBody, responses }) {
  const query = parameters.filter((parameter) => parameter.in === 'query');
  const properties = Object.fromEntries(
    query.map(({ name, schema, description }) => [name, { ...schema, description }]),
  );
  const required = query.filter((parameter) => parameter.required).map(({ name }) => name);
  const body = requestBody?.content['application/json']?.schema;
  const answers = Object.entries(responses)
    .filter(([status]) => status.startsWith('2'))
    .map(([, { content }]) =>
      content?.['application/json'] ? typeOf(content['application/json'].schema) : 'undefined',
    );
  return `{
    readonly query: ${query.length === 0 ? 'Readonly<Record<never, never>>' : objectOf({ properties, required })};
    readonly body: ${body === undefined ? 'undefined' : typeOf(body)};
    readonly answer: ${[...new Set(answers)].join(' | ')};
  }`;
}

const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);
const text = [
  '// Made by scripts/cli-types.mjs from docs/openapi.json: npm run cli-types.\n',
  ...Object.entries(components.schemas).map(declarationOf),
  '/** What each operation takes and gives. */',
  `export interface Operations { ${operations.map(({ operation }) => `${operation.operationId}: ${operationOf(operation)};`).join('\n')} }`,
  '/** How each operation is asked for. */',
  `export const operations = { ${operations
    .map(({ path, method, operation }) => `${operation.operationId}: { method: '${method}', path: '${path}' },`)
    .join('\n')} } as const satisfies Record<keyof Operations, { method: string; path: string }>;`,
].join('\n');

const biome = ['node_modules/@biomejs/biome/bin/biome', 'format', `--stdin-file-path=${target}`];
const { status, stdout } = spawnSync(process.execPath, biome, {
  cwd: root,
  input: text,
  encoding: 'utf8',
  stdio: ['pipe', 'pipe', 2],
});
if (status !== 0) process.exit(status ?? 1);
if (!process.argv.includes('--check')) {
  writeFileSync(root + target, stdout);
} else if (readFileSync(root + target, 'utf8') !== stdout) {
  console.error(`${target} is out of date: npm run cli-types`);
  process.exit(1);
}
