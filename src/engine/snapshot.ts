import type { ListsState } from './lists.ts';
import type { RuleSetState } from './ruleset.ts';

/**
 * What a run hands to the next one, so that a million rules needn't be read and placed again. It can be cloned by the structured
 * clone algorithm, and is of use to the same version of rfw only.
 */
export interface Snapshot {
  readonly rules: RuleSetState;
  readonly lists: ListsState;
  /** `Backend.memory` */
  readonly memory: unknown;
  /** `protectionKey` of what was protected. */
  readonly protection: string;
}
