import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { commandGroups } from '../cli/command-groups.ts';
import { makeProgram } from '../cli/program.ts';
import { manualPages } from './pages.ts';
import { escaped } from './roff.ts';

const config = readFileSync(new URL('../../config/rfw.conf', import.meta.url), 'utf8');
const pages = manualPages(config);

describe('the manual pages', () => {
  it.each(Object.keys(pages))('%s has what a page has, in its order', (name) => {
    const sections = [...(pages[name] ?? '').matchAll(/^\.SH (.*)$/gm)].map(([, title]) => title);
    expect(sections[0]).toBe('NAME');
    expect(sections.at(-1)).toBe('SEE ALSO');
    expect(pages[name]).toMatch(/^\.TH \S+ [158] "" "rfw \d+\.\d+\.\d+" "rfw"\n\.SH NAME\n\.PP\n.+ \\- /);
  });

  it('have no line that roff would take for a request of its own', () => {
    const requests = new Set(['TH', 'SH', 'SS', 'PP', 'TP', 'RS', 'RE', 'nf', 'fi']);
    const begun = Object.values(pages).flatMap((text) =>
      [...text.matchAll(/^[.'](\w*)/gm)].map(([, request]) => request),
    );
    expect(begun.filter((request) => !requests.has(request ?? ''))).toEqual([]);
  });

  it('have all commands and options of rfwc', () => {
    const program = makeProgram('1.0.0', () => async () => {}, commandGroups);
    const flagsOf = (command: Command): string[] => [
      ...command.options.map(({ flags }) => flags),
      ...command.commands.flatMap(flagsOf),
    ];
    const flags = flagsOf(program);
    expect(flags.length).toBeGreaterThan(60);
    for (const each of flags) expect(pages['rfwc.1']).toContain(`\\fB${escaped(each)}\\fR`);
    for (const { name } of [{ name: 'list put' }, { name: 'token create' }, { name: 'iptables' }])
      expect(pages['rfwc.1']).toContain(`.SS ${name} `);
  });

  it('have all settings of rfw.conf', () => {
    const keys = [...config.matchAll(/^(?:# )?([a-z]+(?:\.[a-z0-9]+)+)(?: = .*)?$/gm)].map(([, key]) => key ?? '');
    expect(keys.length).toBeGreaterThan(25);
    for (const key of keys) expect(pages['rfw.conf.5']).toContain(escaped(key));
    expect(pages['rfw.conf.5']).toContain('rfw \\-\\-check \\-f /etc/rfw/rfw.conf');
  });
});

describe('text', () => {
  it.each([
    ['a-b', 'a\\-b'],
    ['back\\slash', 'back\\eslash'],
    ['.request', '\\&.request'],
    ["a\n'quote", "a\n\\&'quote"],
  ])('%j is %j', (text, roff) => {
    expect(escaped(text)).toBe(roff);
  });
});
