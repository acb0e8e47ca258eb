import type { Family } from '../../domain/address.ts';
import { TableWatch } from '../../netlink/nftables/table-watch.ts';
import { type Commands, isOwnProgram, saveRules } from './commands.ts';
import { RulesPoll } from './rules-poll.ts';

export interface RulesWatchOptions {
  readonly commands: Commands;
  readonly families: readonly Family[];
  readonly owner: string;
  /** Whether the rules stand in nf_tables, which tells of changes. */
  readonly notifies: boolean;
  /** A number that grows whenever a change of rfw's own begins or ends. */
  readonly changes: () => number;
  readonly disturbed: () => void;
}

/** Watches the filter tables of both families for changes by others, in the way that the variant of iptables allows. */
export function watchRules(options: RulesWatchOptions): TableWatch | RulesPoll {
  const { commands, families, owner, notifies, changes, disturbed } = options;
  if (notifies) {
    const tables = (['ip', 'ip6'] as const).map((family) => ({ family, name: 'filter' }));
    // What others put into a chain leaves rfw's rules in their order.
    return new TableWatch({ tables, isOwn: isOwnProgram, removalsOnly: true, disturbed });
  }
  const read = async (): Promise<string> => {
    const texts = await Promise.all(families.map((family) => saveRules(commands, family, owner)));
    return texts.join('\n');
  };
  return new RulesPoll({ read, changes, disturbed });
}
