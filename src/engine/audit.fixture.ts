import type { AuditEntry } from './audit.ts';

/** An instant to count from. */
export const epoch = Date.UTC(2026, 0, 1);

/** An entry of a rule that somebody put; each minute one. */
export function auditEntry(index: number, fields: Partial<AuditEntry> = {}): AuditEntry {
  return {
    at: epoch + index * 60_000,
    principal: 'alice',
    address: '192.0.2.1',
    door: 'outward',
    requestId: `request-${index}`,
    operation: 'rules.put',
    target: `rule-${index}`,
    before: null,
    after: { source: `203.0.113.${index % 256}/32`, action: 'drop' },
    result: 'created',
    ...fields,
  };
}
