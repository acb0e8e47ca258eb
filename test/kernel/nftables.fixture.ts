import { execFileSync } from 'node:child_process';
import { listLines, list as parsedList } from '../../src/backends/list.fixture.ts';
import { listing } from '../../src/backends/listing.fixture.ts';
import type { ListStage } from '../../src/backends/lists.conformance.ts';
import { NftablesBackend, type NftablesOptions } from '../../src/backends/nftables/nftables.ts';
import { desired, guard } from '../../src/backends/rule.fixture.ts';
import { parsePrefix, type Range, rangeOf } from '../../src/domain/address.ts';
import { AddressSet } from '../../src/domain/address-set.ts';
import type { PortGuard } from '../../src/domain/guard.ts';
import type { EnforcedList } from '../../src/domain/list.ts';
import { parseWhitelistEntry } from '../../src/domain/whitelist.ts';
import { nft } from './netlink.fixture.ts';

/** A backend over a packet filter that holds nothing but what rfw puts there at its first start; earlier ones are closed. */
export async function begun(options: Partial<NftablesOptions> = {}): Promise<NftablesBackend> {
  closeAll();
  clearTables();
  const backend = await probed(options);
  await backend.replace(desired({}));
  return backend;
}

export const plain: NftablesOptions = { counters: true, rejectTcpWithReset: false };

/** A statement, a set or an element as nft prints it. */
type Json = Readonly<Record<string, unknown>>;

function listedRuleset(): string {
  return execFileSync('nft', ['-j', 'list', 'ruleset'], { encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** rfw's table as nft prints it. @param text of `nft -j list`; by default of all in this namespace */
export function listedTable(text = listedRuleset()): { readonly sets: Map<string, Json>; readonly rules: Json[] } {
  const { nftables } = JSON.parse(text) as { nftables: Json[] };
  const own = (kind: string): Json[] =>
    nftables.flatMap((entry) => {
      const object = entry[kind] as Json | undefined;
      return object?.['table'] === 'rfw' && object['family'] === 'inet' ? [object] : [];
    });
  return { sets: new Map(own('set').map((set) => [String(set['name']), set])), rules: own('rule') };
}

/** The prefix that nft prints for an element, a single address or a match: `10.0.0.0/24`. */
function prefixText(value: unknown): string {
  if (typeof value === 'string') return `${value}/${value.includes(':') ? 128 : 32}`;
  const json = value as Json;
  if (json['elem']) return prefixText((json['elem'] as Json)['val']);
  const { addr, len } = json['prefix'] as { addr: string; len: number };
  return `${addr}/${len}`;
}

function elementsOf(set: Json | undefined): string[] {
  return ((set?.['elem'] ?? []) as unknown[]).map(prefixText);
}

/** What rfw's table holds. */
export interface HeldRules {
  /** Of the rules, in the order in which a packet meets them; of a set in any order. */
  readonly keys: string[];
  readonly guard: PortGuard | null;
}

/** @param text as for `listedTable` */
export function heldRules(text?: string): HeldRules {
  const { sets, rules } = listedTable(text);
  let port = 0;
  const keysOf = (rule: Json, chain = String(rule['chain'])): string[] => {
    const statements = rule['expr'] as Json[];
    const matches = statements.flatMap((statement) => (statement['match'] ? [statement['match'] as Json] : []));
    const right = (field: string): unknown => matches.find((match) => fieldOf(match) === field)?.['right'];
    const chosen = right('dport') ?? right('sport');
    if (chosen !== undefined) {
      port = Number(chosen);
      return [];
    }
    const jumps = statements.flatMap(({ jump, goto }) => ((jump ?? goto) ? [(jump ?? goto) as Json] : []));
    for (const jump of jumps) {
      const target = rules.filter((candidate) => candidate['chain'] === jump['target']);
      return target.flatMap((candidate) => keysOf(candidate, chain));
    }
    const action = statements
      .flatMap((statement) => Object.keys(statement))
      .find((name) => /^(drop|accept|reject)$/.test(name));
    if (action === undefined) return [];
    if (listNameOf(rule) !== undefined) return [];
    const side = (field: string): string[] => {
      const value = right(field);
      if (value === undefined) return ['any'];
      if (typeof value === 'string' && value.startsWith('@')) return elementsOf(sets.get(value.slice(1)));
      return [prefixText(value)];
    };
    const name = (field: string): string => String(right(field) ?? 'any').replace(/\*$/, '+');
    return side('saddr').flatMap((source) =>
      side('daddr').map((destination) =>
        [action, chain, name('iifname'), name('oifname'), source, destination].join(' '),
      ),
    );
  };
  const keys = ['input', 'output', 'forward'].flatMap((chain) =>
    rules.filter((rule) => rule['chain'] === chain).flatMap((rule) => keysOf(rule)),
  );
  const allowed = ['guard_ip4', 'guard_ip6'].flatMap((name) => elementsOf(sets.get(name)));
  return { keys, guard: port === 0 ? null : guard(port, ...allowed) };
}

/** The rule that looks up a set of a list: the list. It has to be behind all others. */
function listNameOf(rule: Json): string | undefined {
  const looked = JSON.stringify(rule['expr']).match(/"@list_(.*)_ip[46]_(?:hosts|nets)_\d+"/);
  return looked?.[1];
}

/** The lists that rfw's table looks up, the first one met first; versions are not there. @param text as for `listedTable` */
export function heldLists(text?: string): EnforcedList[] {
  const { sets, rules } = listedTable(text);
  const found = new Map<string, { readonly list: EnforcedList; addresses: AddressSet }>();
  for (const chain of ['input', 'output', 'forward']) {
    const own = rules.filter((rule) => rule['chain'] === chain);
    const first = own.findIndex((rule) => listNameOf(rule) !== undefined);
    if (first >= 0 && own.slice(first).some((rule) => listNameOf(rule) === undefined))
      throw new Error('a rule behind a list');
    for (const rule of own.slice(first < 0 ? own.length : first)) {
      const name = listNameOf(rule) ?? '';
      const statements = rule['expr'] as Json[];
      const right = (field: string): unknown =>
        statements.flatMap(({ match }) =>
          match && fieldOf(match as Json) === field ? [(match as Json)['right']] : [],
        )[0];
      const action = statements
        .flatMap((statement) => Object.keys(statement))
        .find((key) => /^(drop|accept|reject)$/.test(key));
      const names = ['iifname', 'oifname'].map((field) => String(right(field) ?? 'any').replace(/\*$/, '+'));
      const side = right('saddr') === undefined ? 'destination' : 'source';
      const set = String(right('saddr') ?? right('daddr')).slice(1);
      const addresses = AddressSet.of(((sets.get(set)?.['elem'] ?? []) as unknown[]).map(rangeOfElement));
      const known = found.get(name);
      if (known === undefined) {
        const list = parsedList(
          `${name} 0 ${action} ${chain} ${names.join(' ')}${chain === 'forward' ? ` ${side}` : ''}`,
        );
        found.set(name, { list, addresses });
      } else {
        known.addresses = known.addresses.union(addresses);
      }
    }
  }
  return [...found.values()].map(({ list, addresses }) => ({ ...list, addresses }));
}

/** What nft prints for an element: a single address, a prefix or a range. */
function rangeOfElement(value: unknown): Range {
  const json = value as Json;
  if (typeof value !== 'string' && json['elem']) return rangeOfElement((json['elem'] as Json)['val']);
  if (typeof value === 'string' || !json['range']) return rangeOf(parsePrefix(prefixText(value)));
  return parseWhitelistEntry((json['range'] as string[]).join('-'));
}

function fieldOf(match: Json): string {
  const left = match['left'] as { payload?: { field: string }; meta?: { key: string } };
  return left.payload?.field ?? left.meta?.key ?? '?';
}

/** Takes out all tables, an owned one too: it has lost its owner when the backend is closed. */
export function clearTables(): void {
  nft('flush ruleset');
}

/** What another program may do to rfw's table where it can: things of its own, some of which hold each other. */
export const meddling = `
  add chain inet rfw mine
  add chain inet rfw mine2
  add map inet rfw targets { type ipv4_addr : verdict; }
  add element inet rfw targets { 127.0.0.9 : jump mine }
  add set inet rfw mine3 { type ipv4_addr; }
  insert rule inet rfw mine ip saddr @mine3 jump mine2
  insert rule inet rfw mine2 ip saddr vmap { 127.0.0.8 : drop, 127.0.0.7 : accept }
  insert rule inet rfw input ip saddr vmap @targets
  insert rule inet rfw input ip saddr { 127.0.0.2, 127.0.0.8 } accept
`;

const open: NftablesBackend[] = [];

/** A backend that `closeAll` closes. */
export function made(options: Partial<NftablesOptions> = {}): NftablesBackend {
  const backend = new NftablesBackend({ ...plain, ...options });
  open.push(backend);
  return backend;
}

export async function probed(options: Partial<NftablesOptions> = {}): Promise<NftablesBackend> {
  const backend = made(options);
  await backend.probe();
  return backend;
}

export function closeAll(): void {
  for (const backend of open.splice(0)) backend.close();
}

/** A fresh backend, brought to an empty state, and nothing else in nf_tables. */
export async function stageOf(options: Partial<NftablesOptions> = {}): Promise<ListStage> {
  closeAll();
  clearTables();
  const backend = await probed(options);
  await backend.replace({ rules: [], guard: null, whitelist: [], lists: [], stale: { rules: [], guards: [] } });
  return {
    backend,
    ordered: false,
    listing: async () => {
      const { keys, guard } = heldRules();
      return listing(keys.reverse(), guard);
    },
    lists: async () => listLines(heldLists()),
  };
}
