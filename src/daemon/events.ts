import type { Logger } from 'pino';
import { ruleKey } from '../domain/rule.ts';
import type { EngineEvent } from '../engine/events.ts';
import type { Holder } from '../engine/store/holder.ts';
import { type Emptied, nameOf } from './holders.ts';

/** At most so many rules are named in one line of the log. */
const namedRules = 20;

interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** Writes what happened in the engine to the log. */
export function logEvent(log: Logger, event: EngineEvent): void {
  const { level, fields, message } = describe(event);
  log[level](fields, message);
}

function describe(event: EngineEvent): LogLine {
  switch (event.kind) {
    case 'created':
    case 'updated':
    case 'deleted': {
      const { rule, origin } = event;
      return {
        level: 'info',
        fields: { rule: ruleKey(rule), expiresAt: rule.expiresAt, origin },
        message: `Rule ${event.kind}`,
      };
    }
    case 'many': {
      const { kind: _, ...fields } = event;
      return { level: 'info', fields, message: 'Rules changed together' };
    }
    case 'expired':
      return { level: 'info', fields: { rule: ruleKey(event.rule) }, message: 'Rule expired' };
    case 'displaced':
      return {
        level: 'warn',
        fields: { rule: ruleKey(event.rule) },
        message: 'Rule removed: it conflicts with the whitelist',
      };
    case 'list-replaced':
    case 'list-changed':
    case 'list-deleted':
    case 'list-expired': {
      const { name, version, action, chain, addresses, expiresAt } = event.list;
      const fields = { list: name, version, action, chain, entries: addresses.prefixCount(), expiresAt };
      return {
        level: 'info',
        fields: { ...fields, origin: event.origin },
        message: `List ${event.kind.slice('list-'.length)}`,
      };
    }
    case 'drift': {
      const { missing, ...counts } = event.repair;
      return {
        level: 'warn',
        fields: {
          ...counts,
          missing: missing.length,
          rules: missing.slice(0, namedRules).map(ruleKey),
          count: event.count,
        },
        message: `Drift: the kernel did not hold the rules as rfw had left them; repaired, ${times(event.count)} since the start`,
      };
    }
    case 'clock-set':
      return {
        level: 'warn',
        fields: { milliseconds: event.milliseconds },
        message: 'The wall clock was set: expiries moved along',
      };
    case 'degraded':
      return {
        level: 'error',
        fields: { reason: event.reason },
        message: 'Degraded: the kernel can not be brought to the rules; trying again',
      };
    case 'undone': {
      const { id, by, failure } = event;
      if (failure === undefined)
        return { level: 'warn', fields: { id, by }, message: 'Undone: nobody confirmed the change in time' };
      return {
        level: 'error',
        fields: { id, by, reason: failure },
        message: 'A change that nobody confirmed could not be undone; trying again',
      };
    }
    case 'flushed':
      return {
        level: 'warn',
        fields: { rules: event.rules, lists: event.lists },
        message: 'Flushed: all rules, all lists and the guard were taken out, as asked',
      };
    case 'recovered':
      return { level: 'warn', fields: {}, message: 'Recovered: the kernel holds the rules again' };
  }
}

function times(count: number): string {
  return count === 1 ? 'the first time' : `${count} times`;
}

/** Writes what became of the packet filters that were filled before. @param rules how many stand in the current one */
export function logEmptied(log: Logger, emptied: readonly Emptied[], current: Holder, rules: number): void {
  for (const result of emptied) {
    const former = nameOf(result.holder, current);
    if ('failure' in result) {
      log.error(
        `What rfw has put into ${former} is still enforced there, also what is deleted now: ${result.failure}. Make it work again and restart rfw, or restart the machine`,
      );
    } else if (result.removed.length > 0) {
      log.info(
        { removed: result.removed },
        `Moved ${rules} ${rules === 1 ? 'rule' : 'rules'} from ${former} to ${nameOf(current, result.holder)}`,
      );
    }
  }
}
