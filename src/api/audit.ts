import type { FastifyRequest } from 'fastify';
import { formatAddress } from '../domain/address.ts';
import { asRfwError, RfwError } from '../domain/errors.ts';
import type { Rule } from '../domain/rule.ts';
import { ruleId } from '../domain/rule-id.ts';
import type { AuditEntry } from '../engine/audit.ts';
import type { AskedCommand, Result, RuleOutcome } from '../engine/decide.ts';
import type { Engine } from '../engine/engine.ts';
import { clientAddress } from './server.ts';

/** What a change did or would have done, as the audit log has it. */
export type Effect = Pick<AuditEntry, 'before' | 'after' | 'result'>;

/** Who asked, from where and by which door. */
export function whoAsks(
  request: FastifyRequest,
): Pick<AuditEntry, 'at' | 'principal' | 'address' | 'door' | 'requestId'> {
  const { principal, door, id } = request;
  const client = door === 'socket' ? undefined : clientAddress(request);
  const address = client === undefined ? '' : formatAddress(client);
  return { at: Date.now(), principal: principal.name, address, door, requestId: String(id) };
}

/** What a change that was refused did: nothing. */
function refusal({ code }: RfwError): Effect {
  return { before: null, after: null, result: code };
}

/** A change that was refused as a whole is in the log all the same, if the disk takes that. */
export async function recordRefusal(
  engine: Pick<Engine, 'write'>,
  asked: Omit<AuditEntry, keyof Effect>,
  error: unknown,
): Promise<void> {
  const entry = { ...asked, ...refusal(asRfwError(error)) };
  try {
    await engine.write({ commands: [], atomic: true, record: () => ({ audit: [entry] }) });
  } catch {
    // Whoever asked is told of the first failure.
  }
}

/**
 * Has one rule changed, and what became of that, or why nothing did, written into the audit log.
 * @param allow throws what speaks against it
 * @throws RfwError as `Engine.submit`, or what `allow` throws
 */
export async function submitAudited(
  engine: Pick<Engine, 'write'>,
  command: AskedCommand,
  asked: Omit<AuditEntry, keyof Effect | 'target'>,
  allow: () => void = () => {},
): Promise<RuleOutcome> {
  const entry = { ...asked, target: ruleId(command.spec) };
  const record = ([result]: readonly Result[]) => {
    const effect = ruleEffect(result);
    return { audit: effect === undefined ? [] : [{ ...entry, ...effect }] };
  };
  let result: Result | undefined;
  try {
    allow();
    [result] = await engine.write({ commands: [command], atomic: true, record });
  } catch (error) {
    await recordRefusal(engine, entry, error);
    throw error;
  }
  if (result instanceof RfwError) throw result;
  // What a caller asks for is never decided as an expiry.
  return result as RuleOutcome;
}

/** What became of one rule; undefined where nothing did, which the audit log needn't know. */
export function ruleEffect(result: Result | undefined): Effect | undefined {
  if (result === undefined) return undefined;
  if (result instanceof RfwError) return refusal(result);
  const { status } = result;
  if (status === 'created') return { before: null, after: auditedRule(result.rule), result: status };
  if (status === 'updated') {
    return { before: auditedRule(result.before), after: auditedRule(result.rule), result: status };
  }
  if (status === 'deleted' || status === 'expired') {
    return { before: auditedRule(result.rule), after: null, result: status };
  }
  return undefined;
}

/** What became of many rules: how many had each fate; undefined where nothing became of any. */
export function manyEffect(results: readonly Result[]): Effect | undefined {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const name = result instanceof RfwError ? result.code : result.status;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  const idle = (counts['exists'] ?? 0) + (counts['absent'] ?? 0) === results.length;
  return idle ? undefined : { before: null, after: counts, result: 'done' };
}

/** A rule as the audit log keeps it. */
function auditedRule(rule: Rule): Record<string, string | null> {
  const { expiresAt, origin, comment } = rule;
  return {
    id: ruleId(rule),
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    origin,
    comment,
  };
}
