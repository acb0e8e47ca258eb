import { RfwError } from '../../domain/errors.ts';
import type { Result, RuleOutcome } from '../../engine/decide.ts';
import type { ItemChunk } from './batch-items.ts';
import type { BatchSummary } from './batch-schemas.ts';

/** The refused items that are named at most; all are counted. */
const mostErrors = 1000;

/** How the place of an item is told: the number of its line, or a JSON pointer. */
export type PlaceKind = 'line' | 'pointer';

type ItemError = BatchSummary['errors'][number];

/** What became of the items of a batch. */
export class BatchReport {
  readonly #kind: PlaceKind;
  readonly #outcomes: Record<RuleOutcome['status'], number> = {
    created: 0,
    updated: 0,
    exists: 0,
    deleted: 0,
    absent: 0,
  };
  readonly #refusals: Record<string, number> = {};
  readonly #errors: ItemError[] = [];
  #received = 0;

  constructor(kind: PlaceKind) {
    this.#kind = kind;
  }

  /** How many items were refused. */
  get refused(): number {
    return Object.values(this.#refusals).reduce((sum, count) => sum + count, 0);
  }

  /** Items of which it is known what became of them. */
  get received(): number {
    return this.#received;
  }

  get errors(): readonly ItemError[] {
    return this.#errors;
  }

  /** Counts what became of some items more. @param results one for each command */
  count(chunk: ItemChunk, results: readonly Result[]): this {
    const errors: [place: number, error: RfwError][] = chunk.refused.map(({ place, error }) => [place, error]);
    for (const [index, result] of results.entries()) {
      if (result instanceof RfwError) errors.push([chunk.places[index] ?? 0, result]);
      // What a caller asks for is never decided as an expiry.
      else this.#outcomes[result.status as RuleOutcome['status']]++;
    }
    this.#received += chunk.refused.length + results.length;
    for (const [place, error] of errors.sort(([a], [b]) => a - b)) this.#refuse(place, error);
    return this;
  }

  #refuse(place: number, { code, message }: RfwError): void {
    this.#refusals[code] = (this.#refusals[code] ?? 0) + 1;
    // Of what is refused only because of others there is nothing to say.
    if (this.#errors.length === mostErrors || code === 'not-applied') return;
    const where = this.#kind === 'line' ? { line: place } : { pointer: `/items/${place}` };
    this.#errors.push({ ...where, code, message });
  }

  summary(): BatchSummary {
    return {
      received: this.#received,
      ...this.#outcomes,
      refused: this.refused,
      refusals: { ...this.#refusals },
      errors: [...this.#errors],
    };
  }
}
