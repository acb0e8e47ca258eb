import type { ErrorCode } from '../domain/errors.ts';

/** The HTTP status of every domain error: the one table that both APIs answer by. */
export const problems = {
  'path-invalid': 400,
  'action-invalid': 400,
  'chain-invalid': 400,
  'interface-invalid': 400,
  'address-invalid': 400,
  'mask-invalid': 400,
  'family-mismatch': 400,
  'expire-invalid': 400,
  'query-invalid': 400,
  'id-invalid': 400,
  'cursor-invalid': 400,
  'not-owner': 403,
  'not-applied': 409,
  'whitelist-conflict': 400,
  'whitelist-invalid': 500,
  'config-invalid': 500,
  'certificate-invalid': 500,
  unsupported: 503,
  'kernel-refused': 503,
  'kernel-unavailable': 503,
  'store-failed': 503,
  'state-in-use': 503,
  stopping: 503,
} as const satisfies Record<ErrorCode, number>;
