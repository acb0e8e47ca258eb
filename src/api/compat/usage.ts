import type { Total } from '../../backends/backend.ts';

/** What the usage page tells about the server that answers. */
export interface ServerFacts {
  readonly version: string;
  readonly scheme: 'http' | 'https';
  /** Where the client reached it. */
  readonly host: string;
  readonly port: number;
  /** The path of the unix socket that it was reached by; undefined when it was by TCP. */
  readonly socket?: string | undefined;
  readonly authentication: boolean;
  readonly nonRestful: boolean;
  /** `default.expire` in seconds. */
  readonly defaultExpire: number;
  readonly backend: string;
  readonly rules: number;
  /** How often changes of the rules by others were repaired since the start. */
  readonly drifts: number;
}

/** The help that GET / answers. @param totals what rules have met, by chain and action */
export function usage(facts: ServerFacts, totals: readonly Total[] = []): string {
  const { socket } = facts;
  const base = socket === undefined ? urlOf(facts) : 'http://localhost';
  const curl = `curl${socket === undefined ? '' : ` --unix-socket ${socket}`}${facts.scheme === 'https' ? ' --cacert client/ca.crt' : ''}${facts.authentication ? ' --user NAME:PASSWORD' : ''}`;
  const expire = facts.defaultExpire === 0 ? 'permanent' : `${facts.defaultExpire} seconds`;
  return `rfw ${facts.version} - remote firewall

Server           ${socket === undefined ? base : `unix:${socket}`}
Authentication   ${facts.authentication ? 'Basic, as set by auth.username and auth.password' : 'none'}
Backend          ${facts.backend}
Rules            ${facts.rules}
Drift repaired   ${facts.drifts}
Met so far       ${met(totals)}
Default expiry   ${expire}
GET for changes  ${facts.nonRestful ? 'on: add modify=insert or modify=delete' : 'off (non.restful)'}

PUT    /ACTION/CHAIN/INTERFACE/ADDRESS[/MASK]    block or allow; the newest rule is met first
DELETE /ACTION/CHAIN/INTERFACE/ADDRESS[/MASK]    take that rule out again
GET    /list[/CHAIN]                             the rules in the kernel, as JSON
GET    /                                         this page

ACTION     drop, accept or reject
CHAIN      input (ADDRESS is the source), output (the destination) or forward:
           /ACTION/forward/IN/SOURCE[/MASK][/OUT[/DESTINATION[/MASK]]], where 0.0.0.0 or :: is any address
INTERFACE  any, a name like eth0, or the beginning of names like ppp
MASK       9 to 32 for IPv4, 16 to 128 for IPv6

expire=N   the rule ends after N seconds, or Nm, Nh, Nd; 0 is permanent
wait=true  accepted; every answer waits until the rule is in the kernel and on disk

Examples
  ${curl} -X PUT '${base}/drop/input/any/203.0.113.7?expire=10m'
  ${curl} -X DELETE ${base}/drop/input/any/203.0.113.7
  ${curl} ${base}/list/input
`;
}

function urlOf({ scheme, host, port }: ServerFacts): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** `input drop 12 packets (840 bytes), output reject 1 packets (60 bytes)` */
function met(totals: readonly Total[]): string {
  const some = totals.filter(({ packets }) => packets > 0n);
  const texts = some.map(
    ({ chain, action, packets, bytes }) => `${chain} ${action} ${packets} packets (${bytes} bytes)`,
  );
  return texts.join(', ') || 'nothing';
}
