import { formatPrefix } from '../domain/address.ts';
import type { PortGuard } from '../domain/guard.ts';

const listed = ['INPUT', 'OUTPUT', 'FORWARD'] as const;

/**
 * The lines that `iptables -S` and `ip6tables -S` show for rules and a guard, chain by chain, top to bottom; those of
 * ip6tables begin with `6`. Written apart from the backend, so that one checks the other.
 * @param keys rule keys, oldest first
 */
export function listing(keys: readonly string[], guard: PortGuard | null = null): string[] {
  const guards = guard === null ? undefined : { port: guard.port, allowed: guard.allowed.map(formatPrefix) };
  return listingOf(keys.toReversed(), guards);
}

/** The same from the text of `MemoryBackend.dump`, but for lists. */
export function listingOfDump(dump: string): string[] {
  const lines = dump.split('\n').filter((line) => line !== '' && !line.startsWith('list '));
  const [first = ''] = lines;
  if (!first.startsWith('guard ')) return listingOf(lines, undefined);
  const [, port = '', ...allowed] = first.split(' ').filter((word) => word !== '');
  return listingOf(lines.slice(1), { port: Number(port), allowed });
}

interface GuardText {
  readonly port: number;
  readonly allowed: readonly string[];
}

/** @param keys rule keys, newest first */
function listingOf(keys: readonly string[], guard: GuardText | undefined): string[] {
  return ([4, 6] as const).flatMap((family) =>
    listed.flatMap((chain) =>
      [
        ...(guard === undefined ? [] : guardOf(guard, family, chain)),
        ...keys.filter((key) => isIn(key, family, chain)).map((key) => lineOf(key, family)),
      ].map((line) => `${family === 6 ? '6 ' : ''}-A ${chain} ${line}`),
    ),
  );
}

function isIn(key: string, family: 4 | 6, chain: string): boolean {
  return key.includes(':') === (family === 6) && key.split(' ')[1]?.toUpperCase() === chain;
}

function lineOf(key: string, family: 4 | 6): string {
  const [action = '', , into = '', out = '', source = '', destination = ''] = key.split(' ');
  const match = (option: string, value: string): string => (value === 'any' ? '' : `${option} ${value} `);
  const reason = action === 'reject' ? ` --reject-with icmp${family === 6 ? '6' : ''}-port-unreachable` : '';
  return `${match('-s', source)}${match('-d', destination)}${match('-i', into)}${match('-o', out)}-j ${action.toUpperCase()}${reason}`;
}

function guardOf({ port, allowed }: GuardText, family: 4 | 6, chain: (typeof listed)[number]): string[] {
  if (chain === 'FORWARD') return [];
  const [side, match] = chain === 'INPUT' ? ['-s', '--dport'] : ['-d', '--sport'];
  const tcp = `-p tcp -m tcp ${match} ${port}`;
  return [
    ...allowed
      .filter((prefix) => prefix.includes(':') === (family === 6))
      .map((prefix) => `${prefix.endsWith('/0') ? '' : `${side} ${prefix} `}${tcp} -j ACCEPT`),
    `${tcp} -j DROP`,
  ];
}
