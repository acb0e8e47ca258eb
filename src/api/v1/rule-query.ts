import { type Static, Type } from 'typebox';
import { parseAddress, parsePrefix } from '../../domain/address.ts';
import type { RuleFilter } from '../../engine/rule-filter.ts';
import { parseTimestamp } from './rule-json.ts';
import { Action, Address, Chain, closed, described, Prefix, Timestamp } from './schemas.ts';

/** The query parameters that say which rules are meant. */
export const filterQuery = {
  chain: Type.Optional(Chain),
  action: Type.Optional(Action),
  contains: Type.Optional(described(Address, 'An address: rules whose source or destination holds it')),
  within: Type.Optional(described(Prefix, 'A network: rules whose source or destination lies in it')),
  origin: Type.Optional(Type.String({ maxLength: 256, description: 'The name of a principal: rules that it has put' })),
  expiresBefore: Type.Optional(described(Timestamp, 'An instant as in RFC 3339: rules that end before it')),
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'A text: rules that have it in their comment, origin or id, in upper or lower case',
    }),
  ),
};

const Filter = closed(filterQuery);

/** Which rules a query means. @throws RfwError `address-invalid`, `mask-invalid`, `expire-invalid` */
export function filterOf(query: Static<typeof Filter>): RuleFilter {
  const { chain, action, contains, within, origin, expiresBefore, q } = query;
  return {
    ...(chain !== undefined && { chain }),
    ...(action !== undefined && { action }),
    ...(contains !== undefined && { contains: parseAddress(contains) }),
    ...(within !== undefined && { within: parsePrefix(within) }),
    ...(origin !== undefined && { origin }),
    ...(expiresBefore !== undefined && { expiresBefore: parseTimestamp(expiresBefore) }),
    ...(q !== undefined && { q }),
  };
}
