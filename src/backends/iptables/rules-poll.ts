import { createHash } from 'node:crypto';
import { Poll } from './poll.ts';

/**
 * Of 10,000 rules a reading takes 10 ms, and 40 on a busy machine; with 100,000 it is 235, and noticing a change takes longer
 * than a second.
 */
const leisure = 10;

export interface RulesPollOptions {
  /** Reads what iptables-save prints. It may reject: then somebody has to look. */
  readonly read: () => Promise<string>;
  /** A number that grows whenever a change of rfw's own begins or ends. */
  readonly changes: () => number;
  /**
   * Somebody else may have changed the rules. Also called when a change of rfw's own came in between, because nobody can
   * tell the two apart by the text; and after the first reading, when there is nothing to compare with.
   */
  readonly disturbed: () => void;
}

/** Tells when others change rules that nobody notifies of, those of iptables-legacy, until closed: it reads and compares. */
export class RulesPoll extends Poll {
  constructor({ read, changes, disturbed }: RulesPollOptions) {
    let digest: string | undefined;
    /** What `changes` was before the last reading. */
    let changesThen: number | undefined;
    /**
     * Whoever looks when told so looks at a later state than the one that was read: what others change after the reading
     * shows at the next one, what they changed before it shows to them.
     */
    const look = async (): Promise<boolean> => {
      const before = changes();
      const found = await read().then(digestOf, () => undefined);
      const own = before !== changesThen || before !== changes();
      const same = found !== undefined && found === digest;
      digest = found;
      changesThen = before;
      return own || !same;
    };
    super({ first: 0, leisure, look, disturbed });
  }
}

/** Of the rules alone: the comments have the time, and the policies of chains have counters. */
function digestOf(text: string): string {
  const rules = text.split('\n').filter((line) => line.startsWith('-A '));
  return createHash('sha256').update(rules.join('\n')).digest('base64');
}
