import type { ErrorCode } from '../../domain/errors.ts';
import { RfwError } from '../../domain/errors.ts';
import type { RuleSpec } from '../../domain/rule.ts';
import { parseRuleId, ruleId } from '../../domain/rule-id.ts';
import type { AskedCommand, Result, RuleOutcome } from '../../engine/decide.ts';
import type { Group } from '../../engine/pending.ts';
import { ownOnly, refuseBeyondLimits, usualTtl } from '../access/principal.ts';
import { ruleEffect } from '../audit.ts';
import type { Answer } from './answer.ts';
import { type AskedMutation, mutate } from './mutation.ts';
import { route } from './route.ts';
import { lifetimeOf, ruleJson, secondsOf, specOfInput } from './rule-json.ts';
import { exampleRule, noRule } from './rules.ts';
import { closed, RuleChange, RuleId, RuleInput, RulePatch } from './schemas.ts';
import type { Services } from './services.ts';

/** What every change of rules may be refused for. */
export const changeProblems: readonly ErrorCode[] = [
  'whitelist-conflict',
  'beyond-limits',
  'not-owner',
  'key-reused',
  'expire-invalid',
  'unsupported',
  'kernel-refused',
  'kernel-unavailable',
  'store-failed',
];

const inputProblems: readonly ErrorCode[] = ['address-invalid', 'mask-invalid', 'family-mismatch', 'interface-invalid'];

const location = { location: 'The path of the rule' };

/** Puts a rule above all others. */
export const putRule = route({
  method: 'POST',
  path: '/v1/rules',
  operationId: 'putRule',
  summary: 'Puts a rule',
  description:
    'A new rule comes above all others. One that stands already keeps its place and gets the expiry, and the comment if there is one. The answer leaves when the kernel enforces the rule and it is on disk. An input rule has a source, an output rule a destination, a forward rule one of them or both. Interfaces are taken as they are written: ppp is the interface of that name, ppp+ stands for all that begin like that. Without ttl and expiresAt the rule lasts as long as default.expire of the configuration says.',
  tag: 'Rules',
  scope: 'rules:write',
  mutation: true,
  body: {
    description: 'The rule',
    json: RuleInput,
    example: { action: 'drop', chain: 'input', source: '203.0.113.7', ttl: '10m', comment: 'SSH scan' },
  },
  answers: {
    201: {
      description: 'It is new',
      schema: RuleChange,
      headers: location,
      example: { status: 'created', rule: exampleRule },
    },
    200: { description: 'It stood already, and is updated or as it was', schema: RuleChange, headers: location },
  },
  problems: [...inputProblems, ...changeProblems],
})(async (asked, services) => {
  const { body, principal } = asked;
  const spec = specOfInput(body);
  const expire = lifetimeOf(body) ?? usualTtl(principal, services.defaultExpire());
  const command: AskedCommand = {
    kind: 'put',
    ...who(asked, spec),
    expire,
    ...(body.comment !== undefined && { comment: body.comment }),
  };
  const allow = (): void => refuseBeyondLimits(principal, spec, secondsOf(expire, Date.now()));
  return change(asked, services, { operation: 'rules.put', command, body, allow }, (outcome) => {
    const headers = { location: `/v1/rules/${ruleId(spec)}` };
    return outcome.status === 'created'
      ? { status: 201, body: changeJson(outcome), headers }
      : { status: 200, body: changeJson(outcome), headers };
  });
});

/** Changes the expiry and the comment of a rule. */
export const patchRule = route({
  method: 'PATCH',
  path: '/v1/rules/{id}',
  operationId: 'patchRule',
  summary: 'Changes how long a rule lasts, and its comment',
  description: 'What the body does not name stays. The rule keeps its place and its counters.',
  tag: 'Rules',
  scope: 'rules:write',
  mutation: true,
  params: closed({ id: RuleId }),
  body: { description: 'What changes', json: RulePatch, example: { ttl: '1h', comment: 'SSH scan, again' } },
  answers: {
    200: {
      description: 'It is updated, or is like that already',
      schema: RuleChange,
      example: {
        status: 'updated',
        rule: { ...exampleRule, expiresAt: '2026-01-31T13:05:00.000Z', comment: 'SSH scan, again' },
        before: exampleRule,
      },
    },
  },
  problems: ['id-invalid', 'not-found', ...changeProblems],
})(async (asked, services) => {
  const { body, params, principal } = asked;
  const spec = parseRuleId(params.id);
  const expire = lifetimeOf(body);
  if (expire === undefined && body.comment === undefined)
    throw new RfwError('request-invalid', 'The body changes nothing: give ttl, expiresAt or comment');
  const command: AskedCommand = {
    kind: 'patch',
    ...who(asked, spec),
    ...(expire !== undefined && { expire }),
    ...(body.comment !== undefined && { comment: body.comment }),
  };
  const seconds = expire === undefined ? 'unchanged' : secondsOf(expire, Date.now());
  const allow = (): void => refuseBeyondLimits(principal, spec, seconds);
  return change(asked, services, { operation: 'rules.patch', command, body, allow }, ok);
});

/** Takes out a rule. */
export const deleteRule = route({
  method: 'DELETE',
  path: '/v1/rules/{id}',
  operationId: 'deleteRule',
  summary: 'Deletes a rule',
  tag: 'Rules',
  scope: 'rules:write',
  mutation: true,
  params: closed({ id: RuleId }),
  answers: {
    200: {
      description: 'It is gone; this is how it was',
      schema: RuleChange,
      example: { status: 'deleted', rule: exampleRule },
    },
  },
  problems: ['id-invalid', 'not-found', ...changeProblems],
})(async (asked, services) => {
  const spec = parseRuleId(asked.params.id);
  const command: AskedCommand = { kind: 'delete', ...who(asked, spec) };
  const allow = (): void => refuseBeyondLimits(asked.principal, spec, 'unchanged');
  return change(asked, services, { operation: 'rules.delete', command, body: null, allow }, ok);
});

/** What all commands of a request say of who asks. */
export function who({ principal }: AskedMutation, spec: RuleSpec) {
  return { spec, origin: principal.name, ownOnly: ownOnly(principal) };
}

interface Change {
  /** For the audit log. */
  readonly operation: string;
  readonly command: AskedCommand;
  /** What the request asks for. */
  readonly body: unknown;
  /** @throws RfwError when the principal may not ask for that */
  readonly allow: () => void;
}

/** An outcome that says something about a rule. */
type Standing = Exclude<RuleOutcome, { status: 'absent' }>;

/** Makes a change of one rule. @param answer to what became of it */
function change<A extends Answer>(
  asked: AskedMutation,
  services: Services,
  { operation, command, body, allow }: Change,
  answer: (outcome: Standing) => A,
): Promise<A> {
  const group: Group = { commands: [command], atomic: true };
  const target = ruleId(command.spec);
  return mutate<readonly Result[], A>(asked, services, {
    operation,
    target,
    body,
    preview: async () => {
      allow();
      return services.engine.preview(group);
    },
    make: async (record, confirm) => {
      allow();
      return services.engine.write({ ...group, record }, confirm);
    },
    answer: ([result]) => {
      if (result instanceof RfwError) throw result;
      // What a caller asks for is never decided as an expiry.
      const outcome = result as RuleOutcome;
      if (outcome.status === 'absent') throw noRule(target);
      return answer(outcome);
    },
    effect: ([result]) => ruleEffect(result),
  });
}

function ok(outcome: Standing) {
  return { status: 200, body: changeJson(outcome) } as const;
}

function changeJson(outcome: Standing) {
  const { status, rule } = outcome;
  return { status, rule: ruleJson(rule), ...(status === 'updated' && { before: ruleJson(outcome.before) }) };
}
