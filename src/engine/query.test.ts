import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, type Prefix, parseAddress, parsePrefix, rangeContains, rangeOf } from '../domain/address.ts';
import { parseInterface } from '../domain/interface.ts';
import { actions, chains, familyOf, type Rule, type RuleSpec, ruleKey, ruleSpec } from '../domain/rule.ts';
import { ruleId } from '../domain/rule-id.ts';
import { varyingPrefix } from '../domain/shape.ts';
import { findRules, type RuleQuery } from './query.ts';
import type { RuleFilter } from './rule-filter.ts';
import { type RuleSort, ruleSorts } from './rule-order.ts';
import { rule } from './rules.fixture.ts';
import { RuleSet } from './ruleset.ts';

const prefixTexts = ['10.0.0.1', '10.0.0.2', '10.0.0.0/24', '10.0.0.0/8', '200.0.0.0/7', '0.0.0.0/0'];
const ipv6Texts = ['2001:db8::1', '2001:db8::a:0:0:1', '2001:db8::/32', '2001:db8:0:8000::/49', 'fd00::/8', '::/0'];

const sides = fc.constantFrom(prefixTexts, ipv6Texts).chain((texts) => {
  const one = fc.constantFrom(...texts).map(parsePrefix);
  return fc.tuple(one, one);
});

const anySpec: fc.Arbitrary<RuleSpec> = fc
  .record({
    action: fc.constantFrom(...actions),
    chain: fc.constantFrom(...chains),
    iface: fc.constantFrom('any', 'eth0', 'PPP+'),
    sides,
    both: fc.boolean(),
  })
  .map(({ action, chain, iface, sides: [one, other], both }) => {
    const pattern = parseInterface(iface);
    const any = parseInterface('any');
    return ruleSpec({
      action,
      chain,
      in: chain === 'output' ? any : pattern,
      out: chain === 'output' ? pattern : any,
      source: chain === 'output' ? 'any' : one,
      destination: chain === 'output' || (chain === 'forward' && both) ? other : 'any',
    });
  });

const anyRule = fc.record({
  spec: anySpec,
  expiresAt: fc.option(fc.integer({ min: 1, max: 5 })),
  origin: fc.constantFrom('Alice@10.0.0.1', 'token:bob', 'local'),
  comment: fc.constantFrom('', 'SSH scan', 'seen by 2001:db8::1', 'ä/ö'),
});
type AnyRule = typeof anyRule extends fc.Arbitrary<infer R> ? R : never;

/** Rules with places from this one on, each tuple once. */
function rulesOf(drawn: readonly AnyRule[], from = 1, without: ReadonlySet<string> = new Set()): Rule[] {
  const known = new Set(without);
  return drawn.flatMap(({ spec, ...others }, index): Rule[] => {
    if (known.has(ruleKey(spec))) return [];
    known.add(ruleKey(spec));
    return [{ ...spec, ...others, seq: from + 3 * index, createdAt: 1000 }];
  });
}

const anyFilter: fc.Arbitrary<RuleFilter> = fc.record(
  {
    chain: fc.constantFrom(...chains),
    action: fc.constantFrom(...actions),
    contains: fc.constantFrom('10.0.0.1', '10.0.0.77', '11.0.0.0', '2001:db8::1', 'fd00::1', '::').map(parseAddress),
    within: fc.constantFrom('10.0.0.0/8', '10.0.0.0/31', '0.0.0.0/0', '2001:db8::/48', '::/0').map(parsePrefix),
    origin: fc.constantFrom('token:bob', 'local', 'nobody'),
    expiresBefore: fc.integer({ min: 1, max: 6 }),
    q: fc.constantFrom(
      'ssh',
      'BOB',
      '10.0.0.1',
      '10.0.0.0/24',
      'db8::',
      'ppp+',
      'drop~input',
      '~10',
      '/32~any',
      'Ä/',
      'x',
    ),
  },
  { requiredKeys: [] },
);

const anySort = fc.constantFrom(...ruleSorts);

/** The same question, as it reads. */
function means(filter: RuleFilter, candidate: Rule): boolean {
  const { chain, action, contains, within, origin, expiresBefore, q } = filter;
  const given = [candidate.source, candidate.destination].filter((side) => side !== 'any');
  const holds = (address: Address) => given.some((side) => rangeContains(rangeOf(side), address));
  const liesIn = (network: Prefix) =>
    given.some((side) => side.length >= network.length && rangeContains(rangeOf(network), side));
  const has = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());
  return (
    (chain === undefined || candidate.chain === chain) &&
    (action === undefined || candidate.action === action) &&
    (contains === undefined || holds(contains)) &&
    (within === undefined || liesIn(within)) &&
    (origin === undefined || candidate.origin === origin) &&
    (expiresBefore === undefined || (candidate.expiresAt !== null && candidate.expiresAt < expiresBefore)) &&
    (q === undefined ||
      has(candidate.comment, q) ||
      has(candidate.origin, q) ||
      has(ruleId(candidate), q.replaceAll('/', '_')))
  );
}

const compare = (a: bigint | number, b: bigint | number): number => (a < b ? -1 : a > b ? 1 : 0);

const orders: Readonly<Record<RuleSort, (a: Rule, b: Rule) => number>> = {
  newest: (a, b) => b.seq - a.seq,
  oldest: (a, b) => a.seq - b.seq,
  expiresAt: (a, b) =>
    compare(a.expiresAt ?? Number.MAX_VALUE, b.expiresAt ?? Number.MAX_VALUE) || compare(a.seq, b.seq),
  address: (a, b) =>
    compare(familyOf(a), familyOf(b)) ||
    compare(varyingPrefix(a).value, varyingPrefix(b).value) ||
    compare(varyingPrefix(a).length, varyingPrefix(b).length) ||
    compare(a.seq, b.seq),
};

function expected(rules: readonly Rule[], filter: RuleFilter, sort: RuleSort): Rule[] {
  return rules.filter((candidate) => means(filter, candidate)).sort(orders[sort]);
}

/** All pages, one after the other. */
async function pages(
  rules: () => RuleSet,
  query: Omit<RuleQuery, 'cursor'>,
  turn: number,
  between: () => void = () => {},
): Promise<{ readonly rules: Rule[]; readonly counts: (number | undefined)[] }> {
  const all: Rule[] = [];
  const counts: (number | undefined)[] = [];
  let cursor: string | undefined;
  do {
    const page = await findRules(rules, { ...query, ...(cursor !== undefined && { cursor }) }, turn);
    expect(page.rules.length).toBeLessThanOrEqual(query.limit);
    all.push(...page.rules);
    counts.push(page.count);
    cursor = page.next;
    between();
  } while (cursor !== undefined);
  return { rules: all, counts };
}

const manyRules = fc.array(anyRule, { maxLength: 40 });
const paging = { limit: fc.integer({ min: 1, max: 12 }), turn: fc.integer({ min: 1, max: 9 }) };

describe('a query', () => {
  it('gives the rules that a filter over a list gives, in the same order, page by page', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ drawn: manyRules, gone: fc.nat(9), filter: anyFilter, sort: anySort, ...paging }),
        async ({ drawn, gone, filter, sort, limit, turn }) => {
          const rules = rulesOf(drawn);
          const set = new RuleSet(rules);
          set.commit(rules.slice(0, gone).map((each) => ({ kind: 'delete', rule: each })));
          const wanted = expected(rules.slice(gone), filter, sort);
          const found = await pages(() => set, { filter, sort, limit }, turn);
          expect(found.rules).toEqual(wanted);
          for (const count of found.counts) expect(count ?? wanted.length).toBe(wanted.length);
          if (wanted.length <= limit) expect(found.counts).toEqual([wanted.length]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('neither loses nor doubles what stood throughout, whatever comes, goes and changes between turns and pages', async () => {
    const changes = fc.array(fc.record({ turn: fc.nat(12), remove: fc.boolean(), drawn: anyRule, index: fc.nat(60) }), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ drawn: manyRules, changes, filter: anyFilter, sort: anySort, ...paging }),
        async ({ drawn, changes, filter, sort, limit, turn }) => {
          const before = rulesOf(drawn);
          let now = [...before];
          const touched = new Set<string>();
          let seq = 1000;
          let set = new RuleSet(before);
          const change = ({ remove, drawn: next, index }: (typeof changes)[number]): void => {
            const standing = now[index % Math.max(1, now.length)];
            const [fresh] = rulesOf([next], ++seq, new Set(now.map(ruleKey)));
            if (remove && standing !== undefined) {
              set.commit([{ kind: 'delete', rule: standing }]);
              now = now.filter((each) => each !== standing);
              touched.add(ruleKey(standing));
            } else if (fresh !== undefined) {
              set.commit([{ kind: 'insert', rule: fresh }]);
              now = [...now, fresh];
              touched.add(ruleKey(fresh));
            } else if (standing !== undefined) {
              const updated = { ...standing, expiresAt: next.expiresAt, comment: next.comment };
              set.commit([{ kind: 'update', rule: updated }]);
              now = now.map((each) => (each === standing ? updated : each));
              touched.add(ruleKey(standing));
            }
          };
          // The rules are asked for at every turn: then, in the midst of the search, they change.
          let turns = 0;
          const rules = (): RuleSet => {
            turns++;
            for (const each of changes) if (each.turn === turns) change(each);
            if (turns % 5 === 0) set = RuleSet.from(structuredClone(set.state()));
            return set;
          };
          const found = await pages(rules, { filter, sort, limit }, turn);
          const untouched = before.filter((each) => !touched.has(ruleKey(each)));
          const stood = found.rules.filter((each) => !touched.has(ruleKey(each)));
          expect(stood).toEqual(expected(untouched, filter, sort));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('goes on where it was when the table is closed up on the way', async () => {
    const many = Array.from({ length: 12_500 }, (_, index) => rule(index + 1, `10.${index >> 8}.${index & 255}.1`));
    for (const sort of ruleSorts) {
      const set = new RuleSet(many);
      let isClosed = false;
      const query = { filter: { q: '.1' }, sort, limit: 400 };
      const found = await pages(
        () => set,
        query,
        700,
        () => {
          if (isClosed) return;
          isClosed = true;
          set.commit(many.slice(500, 12_000).map((gone) => ({ kind: 'delete', rule: gone })));
        },
      );
      const stood = found.rules.filter(({ seq }) => seq <= 500 || seq > 12_000);
      expect(stood.map(({ seq }) => seq)).toEqual(
        expected([...many.slice(0, 500), ...many.slice(12_000)], {}, sort).map(({ seq }) => seq),
      );
    }
  });

  it('says how many there are where shapes tell, and not where each rule would have to be looked at', async () => {
    const rules = Array.from({ length: 100 }, (_, index) =>
      rule(index + 1, `${index % 4 === 0 ? 'accept' : 'drop'} input any any 10.0.0.${index} any`),
    );
    const set = new RuleSet(rules);
    const count = async (query: Omit<RuleQuery, 'limit'>) =>
      (await findRules(() => set, { limit: 10, ...query })).count;
    expect(await count({ filter: {} })).toBe(100);
    expect(await count({ filter: { action: 'accept' } })).toBe(25);
    expect(await count({ filter: { chain: 'output' } })).toBe(0);
    expect(await count({ filter: { origin: 'test' } })).toBeUndefined();
    expect(await count({ filter: { origin: 'test' }, sort: 'address' })).toBe(100);
    expect(await count({ filter: { contains: parseAddress('10.0.0.7') } })).toBe(1);
  });

  it('lets others have their turn while it looks at every rule', async () => {
    const set = new RuleSet(
      Array.from({ length: 500 }, (_, index) => rule(index + 1, `10.0.${index >> 8}.${index & 255}`)),
    );
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await findRules(() => set, { filter: { q: 'nothing has this' }, limit: 1 }, 50);
    isOver = true;
    expect(turns).toBeGreaterThan(5);
  });
});
