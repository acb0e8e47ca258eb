import { quote } from '../../domain/address.ts';
import { parseDuration } from '../../domain/duration.ts';
import { RfwError } from '../../domain/errors.ts';

/** The parameters of the 2014 API. */
export interface Query {
  /** Seconds; undefined when the default applies. */
  readonly expire?: number;
  readonly modify?: 'insert' | 'delete';
}

/**
 * Reads the query. An empty value is as good as none; unknown parameters are ignored.
 * @throws RfwError `expire-invalid` or `query-invalid`
 */
export function parseQuery(text: string): Query {
  const parameters = new URLSearchParams(text);
  const expire = parameters.get('expire') ?? '';
  const modify = (parameters.get('modify') ?? '').toLowerCase();
  const wait = (parameters.get('wait') ?? '').toLowerCase();
  // Every answer waits for enforcement, so there is nothing left to ask for.
  if (wait !== '' && wait !== 'true') {
    throw new RfwError('query-invalid', `Incorrect wait parameter value ${quote(wait)}: only true is allowed`);
  }
  if (modify !== '' && modify !== 'insert' && modify !== 'delete') {
    throw new RfwError('query-invalid', `Incorrect modify parameter value ${quote(modify)}: insert or delete`);
  }
  return {
    ...(expire === '' ? {} : { expire: parseDuration(expire) }),
    ...(modify === '' ? {} : { modify }),
  };
}
