import { type Static, Type } from 'typebox';
import { isRuleChange, type NumberedChange } from '../../engine/changes.ts';
import { ruleJson, timestamp } from './rule-json.ts';
import { closed, Rule, Timestamp } from './schemas.ts';

const kinds = [
  'rule-created',
  'rule-updated',
  'rule-deleted',
  'rule-expired',
  'rule-displaced',
  'list-replaced',
  'list-changed',
  'list-deleted',
  'list-expired',
  'whitelist-added',
  'whitelist-removed',
  'flushed',
] as const;

/** One change of what is enforced. */
export const Change = closed(
  {
    number: Type.Integer({ minimum: 1, description: 'Its place among all changes, without gaps' }),
    at: Timestamp,
    kind: Type.Enum([...kinds], {
      description:
        'rule-displaced: the rule had to go because of the whitelist. flushed: all rules and lists were taken out',
    }),
    by: Type.String({ description: 'Who asked for it; rfw where nobody did, as for an expiry' }),
    rule: Type.Optional(Rule),
    list: Type.Optional(Type.String({ description: 'The name of the list' })),
    entry: Type.Optional(Type.String({ description: 'The entry of the whitelist' })),
    rules: Type.Optional(Type.Integer({ description: 'How many rules were taken out' })),
  },
  { $id: 'Change', description: 'A change. A rule is as it was after the change; one that went, as it was before' },
);

export type ChangeJson = Static<typeof Change>;

/** A change as answers have it. */
export function changeJson({ number, at, change }: NumberedChange): ChangeJson {
  const head = { number, at: timestamp(at), by: change.by };
  if (isRuleChange(change)) return { ...head, kind: `rule-${change.kind}`, rule: ruleJson(change.rule) };
  if ('name' in change) return { ...head, kind: change.kind, list: change.name };
  if ('entry' in change) return { ...head, kind: change.kind, entry: change.entry };
  return { ...head, kind: change.kind, rules: change.rules };
}
