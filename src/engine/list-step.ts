import type { ListName } from '../domain/list.ts';
import type { List } from './list.ts';

/** What a change has made of one list. */
export interface ListStep {
  readonly name: ListName;
  readonly before: List | undefined;
  /** The place of what is there since then; undefined when it went. */
  readonly place: number | undefined;
}
