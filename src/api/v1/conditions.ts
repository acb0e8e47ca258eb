import type { IncomingHttpHeaders } from 'node:http';
import type { Condition, Versions } from '../../engine/decide-list.ts';
import { RequestError } from '../errors.ts';

/** The ETag of a version (RFC 9110, section 8.8.3). It never comes again. */
export function etag(version: number): string {
  return `"${version}"`;
}

/** What a change depends on, by its headers. @throws RequestError `request-invalid` */
export function conditionOf(headers: IncomingHttpHeaders): Condition {
  const match = versionsOf('if-match', headers['if-match'], 'strong');
  const noneMatch = versionsOf('if-none-match', headers['if-none-match'], 'weak');
  return { ...(match !== undefined && { match }), ...(noneMatch !== undefined && { noneMatch }) };
}

/** Whether a client that asks under If-None-Match has this version already. @throws RequestError `request-invalid` */
export function isKnown(headers: IncomingHttpHeaders, version: number): boolean {
  const known = versionsOf('if-none-match', headers['if-none-match'], 'weak');
  return known === 'any' || known?.includes(version) === true;
}

/** `*`, or ETags with commas between them. A weak one never matches in the strong comparison (RFC 9110, section 8.8.3.2). */
function versionsOf(name: string, header: string | undefined, comparison: 'strong' | 'weak'): Versions | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return 'any';
  const tags = header.split(',').map((text) => /^\s*(W\/)?"([\x21\x23-\x7e]*)"\s*$/.exec(text));
  return tags.flatMap((tag) => {
    if (tag === null) {
      const message = 'must be *, or ETags in double quotes with commas between them';
      throw new RequestError('request-invalid', `The header ${name} ${message}`, [{ parameter: name, message }]);
    }
    const [, weak, text = ''] = tag;
    const comparable = weak === undefined || comparison === 'weak';
    return comparable && /^[1-9][0-9]{0,14}$/.test(text) ? [Number(text)] : [];
  });
}
