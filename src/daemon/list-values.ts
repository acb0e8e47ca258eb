import { type Family, widthOf } from '../domain/address.ts';
import { RfwError } from '../domain/errors.ts';
import { type ListLimits, listLimits } from '../domain/list-entries.ts';

/** The keys that say what a list may be. */
export const listKeys = ['list.bad.share', 'list.largest.share', 'list.shortest.ipv4', 'list.shortest.ipv6'] as const;

/**
 * What a list may be.
 * @param value reads the value of a key, or that of the default
 * @throws RfwError `config-invalid`
 */
export function listLimitsOf(
  value: (key: (typeof listKeys)[number], fallback: string, parse: (text: string) => number) => number,
): ListLimits {
  const { badShare, largestShare, shortestPrefix, allowEmpty } = listLimits;
  return {
    badShare: value('list.bad.share', `${100 * badShare}%`, parseShare),
    largestShare: value('list.largest.share', `${100 * largestShare}%`, parseShare),
    shortestPrefix: {
      4: value('list.shortest.ipv4', `/${shortestPrefix[4]}`, prefixLength(4)),
      6: value('list.shortest.ipv6', `/${shortestPrefix[6]}`, prefixLength(6)),
    },
    allowEmpty,
  };
}

/** Reads a share: `5%`. @returns 0 to 1 */
function parseShare(text: string): number {
  const [, digits] = /^(\d{1,3}(?:\.\d{1,6})?) ?%$/.exec(text) ?? [];
  const share = Number(digits) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new RfwError('config-invalid', 'it must be a share from 0% to 100%, such as 5%');
}

/** Reads the length of a prefix: `/8` or `8`. */
function prefixLength(family: Family): (text: string) => number {
  return (text) => {
    const [, digits] = /^\/?(\d{1,3})$/.exec(text) ?? [];
    const length = Number(digits);
    if (length >= 0 && length <= widthOf(family)) return length;
    throw new RfwError('config-invalid', `it must be the length of a prefix, /0 to /${widthOf(family)}`);
  };
}
