import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Lines of a file in src: near this a file is split. */
const longest = 320;

/**
 * Which parts of src may import which. A part is a folder, or one file for the folders around it; the longest that fits
 * counts. `node:` modules are open to all, packages to all but the domain.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'src/domain': [],
  'src/netlink': [],
  'src/backends': ['src/domain'],
  'src/backends/iptables': ['src/domain', 'src/backends', 'src/netlink'],
  'src/backends/nftables': ['src/domain', 'src/backends', 'src/netlink'],
  'src/engine': ['src/domain', 'src/backends/backend.ts'],
  'src/api': ['src/domain', 'src/engine', 'src/backends/backend.ts'],
  'src/metrics': ['src/domain', 'src/engine', 'src/backends/backend.ts'],
  'src/certs': ['src/domain'],
  'src/cli': ['src/domain'],
  'src/daemon': ['src'],
  'src/man': ['src'],
};

/** A source file by its path from the root, and what it imports: paths from the root, or the names of packages. */
interface Source {
  readonly path: string;
  readonly imports: readonly string[];
}

function isInside(path: string, part: string): boolean {
  return path === part || path.startsWith(`${part}/`);
}

/** The part that a file belongs to. */
function partOf(path: string): string | undefined {
  const parts = Object.keys(allowed).filter((part) => isInside(path, part));
  return parts.sort((a, b) => b.length - a.length)[0];
}

/** Tests may import what they compare with. */
function isTest(path: string): boolean {
  return /\.(?:test|fixture|conformance)\.ts$/.test(path);
}

/** What a file imports against the directions, one line each. */
function violations({ path, imports }: Source): string[] {
  if (isTest(path)) return [];
  const part = partOf(path);
  if (part === undefined) return [`${path} belongs to no part: enter its folder in the table`];
  const may = [part, ...(allowed[part] ?? [])];
  return imports
    .filter((name) => {
      if (name.startsWith('node:')) return false;
      if (!name.startsWith('src/')) return part === 'src/domain';
      return isTest(name) || !may.some((open) => isInside(name, open) && isOpen(open, name));
    })
    .map((name) => `${path} must not import ${name}`);
}

/** A folder that is open doesn't open those inside it that are parts of their own, but for all of src. */
function isOpen(open: string, name: string): boolean {
  return open === 'src' || open.endsWith('.ts') || partOf(name) === partOf(`${open}/any.ts`);
}

/** The files of a cycle of imports, or undefined when there is none. */
function findCycle(sources: readonly Source[]): string[] | undefined {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of byPath.get(path)?.imports ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const { path } of sources) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/** What a text imports, types as well as values, and dynamic imports. */
function importsOf(path: string, text: string): string[] {
  const code = text.replace(/\/\*.*?\*\//gs, '').replace(/^\s*\/\/.*$/gm, '');
  const names = code.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...names].map(([, name = '']) =>
    name.startsWith('.') ? relative(root, resolve(root, dirname(path), name)) : name,
  );
}

function readSources(): { readonly source: Source; readonly lines: number }[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const path = relative(root, join(entry.parentPath, entry.name));
      const text = readFileSync(join(root, path), 'utf8');
      // Nobody reads what a script has made.
      const lines = text.startsWith('// Made by') ? 0 : text.split('\n').length - 1;
      return { source: { path, imports: importsOf(path, text) }, lines };
    });
}

const files = readSources();
const sources = files.map(({ source }) => source);

describe('the directions of imports', () => {
  it('hold in every file', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(sources.flatMap(violations)).toEqual([]);
  });

  it('lead only to files that are there', () => {
    const paths = new Set(sources.map(({ path }) => path));
    const dangling = sources.flatMap(({ path, imports }) =>
      imports.filter((name) => name.startsWith('src/') && !paths.has(name)).map((name) => `${path}: ${name}`),
    );
    expect(dangling).toEqual([]);
  });

  it('never go in a circle', () => {
    expect(findCycle(sources)).toBeUndefined();
  });
});

it('keeps files short', () => {
  expect(files.filter(({ lines }) => lines > longest).map(({ source, lines }) => `${source.path}: ${lines}`)).toEqual(
    [],
  );
});

describe('the check itself', () => {
  const offence = (path: string, ...imports: string[]): string[] => violations({ path, imports });

  it.each([
    ['src/domain/rule.ts', 'src/engine/engine.ts'],
    ['src/domain/rule.ts', 'fastify'],
    ['src/netlink/wire.ts', 'src/domain/address.ts'],
    ['src/backends/memory.ts', 'src/engine/engine.ts'],
    ['src/backends/memory.ts', 'src/netlink/wire.ts'],
    ['src/backends/memory.ts', 'src/backends/iptables/line.ts'],
    ['src/backends/iptables/line.ts', 'src/backends/nftables/plan.ts'],
    ['src/engine/engine.ts', 'src/backends/memory.ts'],
    ['src/engine/engine.ts', 'src/api/problem.ts'],
    ['src/engine/store/sqlite.ts', 'src/backends/iptables/iptables.ts'],
    ['src/api/compat/routes.ts', 'src/backends/memory.ts'],
    ['src/api/server.ts', 'src/daemon/config.ts'],
    ['src/engine/engine.ts', 'src/metrics/metrics.ts'],
    ['src/api/v1/status.ts', 'src/metrics/metrics.ts'],
    ['src/api/server.ts', 'src/api/server.fixture.ts'],
    ['src/certs/key.ts', 'src/api/credentials.ts'],
    ['src/certs/rfwgen.ts', 'src/daemon/settings.ts'],
    ['src/daemon/main.ts', 'src/daemon/folder.fixture.ts'],
  ])('finds that %s imports %s', (path, name) => {
    expect(offence(path, name)).toEqual([`${path} must not import ${name}`]);
  });

  it.each([
    ['src/domain/rule.ts', 'node:net'],
    ['src/domain/rule.ts', 'src/domain/address.ts'],
    ['src/backends/iptables/line.ts', 'src/backends/backend.ts'],
    ['src/backends/iptables/rules-watch.ts', 'src/netlink/nftables/table-watch.ts'],
    ['src/backends/nftables/plan.ts', 'src/netlink/wire.ts'],
    ['src/engine/store/sqlite.ts', '@photostructure/sqlite'],
    ['src/engine/writer.ts', 'src/backends/backend.ts'],
    ['src/api/compat/render.ts', 'src/backends/backend.ts'],
    ['src/daemon/backend.ts', 'src/backends/iptables/iptables.ts'],
    ['src/api/problem.test.ts', 'src/daemon/config.ts'],
    ['src/backends/backend.conformance.ts', 'src/engine/engine.ts'],
  ])('lets %s import %s', (path, name) => {
    expect(offence(path, name)).toEqual([]);
  });

  it('asks for a line in the table when a folder is new', () => {
    expect(offence('src/misc/x.ts')).toEqual(['src/misc/x.ts belongs to no part: enter its folder in the table']);
  });

  it('finds a cycle, and none where two ways lead to one file', () => {
    const edge = (path: string, ...imports: string[]): Source => ({ path, imports });
    expect(findCycle([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toEqual(['b', 'c', 'b']);
    expect(findCycle([edge('a', 'b', 'c'), edge('b', 'd'), edge('c', 'd'), edge('d')])).toBeUndefined();
  });

  it('sees imports of every form, but not those in comments', () => {
    const text = `import a from 'a';
import type { B } from './b.ts';
import {
  c,
} from '../c.ts';
import 'd';
export * from './e.ts';
const f = await import('./f.ts');
// import 'g';
/* from 'h' */`;
    const local = ['src/api/b.ts', 'src/c.ts', 'src/api/e.ts', 'src/api/f.ts'];
    expect(importsOf('src/api/x.ts', text).sort()).toEqual(['a', 'd', ...local].sort());
  });
});
