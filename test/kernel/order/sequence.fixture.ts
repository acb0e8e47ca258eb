import fc from 'fast-check';
import { parsePrefix } from '../../../src/domain/address.ts';
import type { Protection } from '../../../src/engine/decide.ts';
import type { Expiry, Op, Step } from './trial.fixture.ts';
import { type Place, places, protections, ruleIn, type Universe } from './universe.fixture.ts';

export interface Sequence {
  readonly protection: Protection;
  readonly steps: readonly Step[];
}

const expiry: fc.Arbitrary<Expiry> = fc.constantFrom(null, null, 3600, 7200);

/** Seconds from the start of a trial at which all of it, some of it, and nothing that expires is left. */
export const instants = [5400, 9000];

const pick = fc.nat(40);

function opIn(place: Place, universe: Universe): fc.Arbitrary<Op> {
  // Rules of one place conflict; those of others must not matter.
  const spec = fc.oneof(
    { weight: 8, arbitrary: ruleIn(place, universe) },
    ...places.map((other) => ruleIn(other, universe)),
  );
  const given = (place.chain === 'forward' ? universe.forwarded : universe.prefixes)[place.family];
  const prefixes = fc.shuffledSubarray(given.map(parsePrefix), { minLength: given.length });
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), spec, expiry }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('put alike' as const), pick, prefixes, expiry }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('put again' as const), pick, expiry }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), pick }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lift' as const), pick }) },
  );
}

function stepIn(place: Place, universe: Universe): fc.Arbitrary<Step> {
  const op = opIn(place, universe);
  const process = fc.constantFrom('same', 'resumed', 'new');
  return fc.oneof(
    { weight: 5, arbitrary: op.map((one): Step => ({ kind: 'batch', ops: [one] })) },
    { weight: 5, arbitrary: fc.array(op, { minLength: 2, maxLength: 8 }).map((ops): Step => ({ kind: 'batch', ops })) },
    { weight: 1, arbitrary: fc.constantFrom(...instants).map((until): Step => ({ kind: 'expire', until })) },
    {
      weight: 1,
      arbitrary: fc
        .record({ process, protection: fc.constantFrom(...protections) })
        .map((given): Step => ({ kind: 'replace', ...given })),
    },
  );
}

/** Sequences whose rules mostly are of this chain and family. */
export function sequenceAt(place: Place, universe: Universe): fc.Arbitrary<Sequence> {
  return fc.record({
    protection: fc.constantFrom(...protections),
    steps: fc.array(stepIn(place, universe), { minLength: 1, maxLength: 8 }),
  });
}

/** Sequences whose rules mostly are of one chain and family. */
export function sequenceIn(universe: Universe): fc.Arbitrary<Sequence> {
  return fc.oneof(...places.map((place) => sequenceAt(place, universe)));
}
