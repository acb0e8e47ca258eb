import { createHash } from 'node:crypto';
import { problems } from '../problem.ts';
import { script, style } from './documentation-assets.ts';
import { openApiDocument, problemsOf } from './openapi.ts';
import { type RouteDefinition, tags } from './route.ts';

/** The policy of the page: nothing from elsewhere, and no style and script but its own, known by their hashes. */
export const documentationPolicy = [
  "default-src 'none'",
  `style-src ${hashOf(style)}`,
  `script-src ${hashOf(script)}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** A part of the OpenAPI document, read by name. */
interface Node {
  readonly [name: string]: unknown;
}

/** The routes as a page for people, in one piece. */
export function documentation(routes: readonly RouteDefinition[], version: string): string {
  const document = openApiDocument(routes, version) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Node>>>>;
    readonly components: { readonly schemas: Readonly<Record<string, Node>> };
  };
  const operation = (route: RouteDefinition): Node => document.paths[route.path]?.[route.method.toLowerCase()] ?? {};
  const groups = Object.entries(tags).map(([tag, about]): [string, string, RouteDefinition[]] => [
    tag,
    about,
    routes.filter((route) => route.tag === tag),
  ]);
  const used = groups.filter(([, , members]) => members.length > 0);
  const schemas = Object.entries(document.components.schemas);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>rfw ${text(version)}</title><style>${style}</style></head><body>
<header><h1>rfw ${text(version)}</h1><p>The same as an OpenAPI document: <a href="/openapi.json">/openapi.json</a></p>
<input id="search" type="search" placeholder="Search" aria-label="Search" autocomplete="off"></header>
<nav>${used.map(([tag, , members]) => `<h2>${text(tag)}</h2><ul>${members.map(link).join('')}</ul>`).join('')}
<h2>More</h2><ul><li><a href="#errors">Errors</a></li><li><a href="#schemas">Schemas</a></li></ul></nav>
<main>
${used.map(([tag, about, members]) => `<h2>${text(tag)}</h2><p>${text(about)}</p>${members.map((member) => section(member, operation(member))).join('\n')}`).join('\n')}
<h2 id="errors">Errors</h2><p>Problem details (RFC 9457): <a href="#schema-Problem">Problem</a>.</p>
${table(['Code', 'Status', 'Title'], errorRows(routes))}
<h2 id="schemas">Schemas</h2>
${schemas.map(([name, schema]) => `<section id="schema-${text(name)}"><h3>${text(name)}</h3>${schemaBlock(schema)}</section>`).join('\n')}
</main><script>${script}</script></body></html>
`;
}

function link({ operationId, method, path }: RouteDefinition): string {
  return `<li data-route><a href="#${text(operationId)}"><b>${method}</b> ${text(path)}</a></li>`;
}

function section({ operationId, method, path, summary, mutation, ...route }: RouteDefinition, operation: Node): string {
  const parameters = (operation['parameters'] ?? []) as readonly Node[];
  const body = operation['requestBody'] as { readonly content: Readonly<Record<string, Node>>; description: string };
  const answers = Object.entries(operation['responses'] as Readonly<Record<string, Node>>);
  const good = answers.filter(([status]) => Number(status) < 400);
  const rows = parameters.map(({ name, in: place, required, description, schema }) => [
    `<code>${text(name)}</code>${required === true ? '' : ' <i>optional</i>'}`,
    text(place),
    type(schema as Node),
    text(description ?? ''),
  ]);
  const codes = problemsOf({ operationId, method, path, summary, ...route });
  return `<section id="${text(operationId)}" data-route><h3><b>${method}</b> <code>${text(path)}</code></h3>
<p><strong>${text(summary)}.</strong> ${text(operation['description'])}</p>
${rows.length > 0 ? table(['Parameter', 'In', 'Type', ''], rows) : ''}
${body === undefined ? '' : `<h4>Body</h4><p>${text(body.description)}</p>${Object.entries(body.content).map(content).join('')}`}
<h4>Answers</h4>${good
    .map(
      ([status, answer]) =>
        `<p><b>${status}</b> ${text(answer['description'])}</p>${Object.entries(
          (answer['content'] ?? {}) as Record<string, Node>,
        )
          .map(content)
          .join('')}`,
    )
    .join('')}
<p>Errors: ${codes.map((code) => `<a href="#error-${code}">${code}</a>`).join(', ')}</p></section>`;
}

function content([name, { schema, example }]: readonly [string, Node]): string {
  const shown = typeof example === 'string' ? example : JSON.stringify(example, undefined, 2);
  return `<p><code>${text(name)}</code>: ${type(schema as Node)}</p>${example === undefined ? '' : `<pre>${text(shown)}</pre>`}`;
}

function errorRows(routes: readonly RouteDefinition[]): string[][] {
  const codes = [...new Set(routes.flatMap(problemsOf))].sort();
  return codes.map((code) => [
    `<code id="error-${code}">${code}</code>`,
    String(problems[code].status),
    text(problems[code].title),
  ]);
}

/** A schema with a name: its fields, or what it is. */
function schemaBlock(schema: Node): string {
  const about = schema['description'] === undefined ? '' : `<p>${text(schema['description'])}</p>`;
  const required = (schema['required'] ?? []) as readonly string[];
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Node>);
  if (properties.length === 0) return `${about}<p>${type(schema)}</p>`;
  const rows = properties.map(([name, part]) => [
    `<code>${text(name)}</code>${required.includes(name) ? '' : ' <i>optional</i>'}`,
    type(part),
    text(part['description'] ?? ''),
  ]);
  return about + table(['Field', 'Type', ''], rows);
}

/** A schema in a few words. */
function type(schema: Node): string {
  const { $ref, anyOf, items, enum: values, const: value, type: name, properties } = schema;
  if (typeof $ref === 'string') {
    const target = $ref.slice($ref.lastIndexOf('/') + 1);
    return `<a href="#schema-${text(target)}">${text(target)}</a>`;
  }
  if (Array.isArray(anyOf)) return anyOf.map((part: Node) => type(part)).join(' or ');
  if (name === 'array' && items !== undefined) return `list of ${type(items as Node)}`;
  if (Array.isArray(values)) return values.map((one) => `<code>${text(one)}</code>`).join(' ');
  if (properties !== undefined) {
    const fields = Object.entries(properties as Record<string, Node>);
    return `{ ${fields.map(([field, part]) => `<code>${text(field)}</code>: ${type(part)}`).join(', ')} }`;
  }
  if (value !== undefined) return `<code>${text(value)}</code>`;
  return `${text(name ?? 'anything')}${bounds(schema)}`;
}

function bounds({ minimum, maximum, default: initial, pattern }: Node): string {
  const parts = [
    minimum === undefined ? '' : ` from ${minimum}`,
    maximum === undefined ? '' : ` to ${maximum}`,
    pattern === undefined ? '' : ` <code>${text(pattern)}</code>`,
    initial === undefined ? '' : `, ${initial} if not given`,
  ];
  return parts.join('');
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<table>${row(heads, 'th')}${rows.map((cells) => row(cells, 'td')).join('')}</table>`;
}

/** Text that is no markup, in elements and attributes. */
function text(value: unknown): string {
  return String(value)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
