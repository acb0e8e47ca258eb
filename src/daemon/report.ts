import { version } from '../domain/version.ts';
import type { DaemonReport } from './daemon.ts';
import type { Settings } from './settings.ts';
import { stateFolder } from './state.ts';

/** An address of TEST-NET-3 (RFC 5737), which nobody has. */
const example = '203.0.113.7';

/** What a daemon that has just started prints: where it listens, what enforces the rules and why, and what to try. */
export function startReport({ urls, backend, rules }: DaemonReport, { config }: Settings): string {
  const local = urls.find((url) => url.startsWith('http:'));
  const outward = urls.find((url) => url.startsWith('https:'));
  const socket = config.socket?.path ?? '';
  const user =
    local !== undefined && !config.local?.authentication ? '' : ` --user ${config.credentials?.username ?? ''}`;
  const curl =
    local === undefined && outward === undefined
      ? `curl --unix-socket ${socket}`
      : `curl${local === undefined ? ' --cacert client/ca.crt' : ''}${user}`;
  const base = local ?? outward ?? 'http://localhost';
  return `rfw ${version}
  listens   ${urls.join('  ')}
  backend   ${backend}
  rules     ${rules}, kept in ${stateFolder(config)}
Try
  ${curl} -X PUT '${base}/drop/input/any/${example}?expire=10m'
  ${curl} ${base}/list/input
  ${curl} -X DELETE ${base}/drop/input/any/${example}
`;
}
