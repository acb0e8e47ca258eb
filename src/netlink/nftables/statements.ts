import {
  Comparison,
  ConnectionKey,
  Family,
  MetaKey,
  ObjectType,
  PayloadBase,
  Register,
  RejectCode,
  RejectType,
  Verdict,
} from './constants.ts';
import type { Expression } from './expressions.ts';

// What rules are made of. Each builder stands under the piece of an nft line that it stands for.
// Those that load put their value into register 1, where those that match look for it.

/** The address families that share a table of family inet. */
export type AddressFamily = 'ip4' | 'ip6';

/** Numbers of protocols, IANA. */
export const Protocol = { tcp: 6, udp: 17 } as const;

/** Offsets and lengths in bytes. RFC 791 section 3.1, RFC 8200 section 3 */
const addresses = {
  ip4: { source: 12, destination: 16, length: 4 },
  ip6: { source: 8, destination: 24, length: 16 },
} as const;

/** IFNAMSIZ, linux/if.h: bytes of an interface name with its NUL. */
const interfaceNameLength = 16;

const destination = Register.first;
const source = Register.first;

function loadMeta(key: number): Expression {
  return { name: 'meta', data: { key, destination } };
}

function loadPayload(base: number, offset: number, length: number): Expression {
  return { name: 'payload', data: { destination, base, offset, length } };
}

function compare(operator: number, ...value: readonly number[]): Expression {
  return { name: 'cmp', data: { source, operator, data: { value: Uint8Array.from(value) } } };
}

/** `== value`, with the value in network byte order. */
function equals(value: Uint8Array): Expression {
  return compare(Comparison.equal, ...value);
}

/** `meta nfproto ipv4` */
export function matchFamily(family: AddressFamily): Expression[] {
  return [loadMeta(MetaKey.familyProtocol), compare(Comparison.equal, family === 'ip4' ? Family.ip : Family.ip6)];
}

/** `ip saddr`, `ip6 saddr`: in a table of family inet, after matchFamily. */
export function loadSource(family: AddressFamily): Expression {
  return loadPayload(PayloadBase.network, addresses[family].source, addresses[family].length);
}

/** `ip daddr`, `ip6 daddr`: in a table of family inet, after matchFamily. */
export function loadDestination(family: AddressFamily): Expression {
  return loadPayload(PayloadBase.network, addresses[family].destination, addresses[family].length);
}

/** `ip saddr 10.0.0.0/8`, after matchFamily. `length` is the number of bits that have to agree. */
export function matchSource(family: AddressFamily, address: Uint8Array, length: number): Expression[] {
  return matchPrefix(addresses[family].source, address, length);
}

/** `ip daddr 10.0.0.0/8`, after matchFamily. */
export function matchDestination(family: AddressFamily, address: Uint8Array, length: number): Expression[] {
  return matchPrefix(addresses[family].destination, address, length);
}

function matchPrefix(offset: number, address: Uint8Array, length: number): Expression[] {
  if (length === 0) return [];
  // Whole bytes need no mask: as nft does, load no more of them than the prefix has.
  if (length % 8 === 0) {
    return [loadPayload(PayloadBase.network, offset, length / 8), equals(address.subarray(0, length / 8))];
  }
  const mask = address.map((_, index) => 0xff00 >> Math.min(8, Math.max(0, length - 8 * index)));
  return [
    loadPayload(PayloadBase.network, offset, address.length),
    masked(mask),
    equals(address.map((byte, index) => byte & (mask[index] ?? 0))),
  ];
}

/** `& mask` */
function masked(mask: Uint8Array): Expression {
  const xor = { value: new Uint8Array(mask.length) };
  return {
    name: 'bitwise',
    data: { source, destination, length: mask.length, mask: { value: mask }, xor },
  };
}

/** `@name` */
export function matchSet(name: string): Expression {
  return { name: 'lookup', data: { source, set: name } };
}

/** `!= @name` */
export function matchNotInSet(name: string): Expression {
  return { name: 'lookup', data: { source, set: name, flags: 1 } };
}

/** `iifname "eth0"`, or `iifname "ppp*"` for every interface whose name begins so. */
export function matchInput(pattern: string): Expression[] {
  return [loadMeta(MetaKey.inputName), matchName(pattern)];
}

/** `oifname "eth0"`, or `oifname "ppp*"`. */
export function matchOutput(pattern: string): Expression[] {
  return [loadMeta(MetaKey.outputName), matchName(pattern)];
}

/** Compares all 16 bytes of the name, NULs and all, or for a pattern only what stands before the asterisk. */
function matchName(pattern: string): Expression {
  const prefix = pattern.endsWith('*');
  const name = new TextEncoder().encode(prefix ? pattern.slice(0, -1) : pattern);
  if (prefix) return equals(name);
  const whole = new Uint8Array(Math.max(interfaceNameLength, name.length));
  whole.set(name);
  return equals(whole);
}

/** `meta l4proto tcp` */
export function matchProtocol(protocol: number): Expression[] {
  return [loadMeta(MetaKey.transportProtocol), compare(Comparison.equal, protocol)];
}

/** `tcp sport 22`: TCP and UDP have it at the same place. */
export function matchSourcePort(protocol: keyof typeof Protocol, port: number): Expression[] {
  return matchPort(protocol, 0, port);
}

/** `tcp dport 22` */
export function matchDestinationPort(protocol: keyof typeof Protocol, port: number): Expression[] {
  return matchPort(protocol, 2, port);
}

function matchPort(protocol: keyof typeof Protocol, offset: number, port: number): Expression[] {
  return [
    ...matchProtocol(Protocol[protocol]),
    loadPayload(PayloadBase.transport, offset, 2),
    compare(Comparison.equal, port >>> 8, port & 0xff),
  ];
}

/** `ct state established,related`: any of the bits of ConnectionState, which the kernel holds in host order. */
export function matchState(states: number): Expression[] {
  const mask = new Uint8Array(Uint32Array.of(states).buffer);
  return [
    { name: 'ct', data: { key: ConnectionKey.state, destination } },
    masked(mask),
    compare(Comparison.notEqual, 0, 0, 0, 0),
  ];
}

/** `limit rate 10/second burst 5 packets`; `per` is seconds. */
export function limitPackets(rate: number, per: number, burst: number): Expression {
  return { name: 'limit', data: { rate: BigInt(rate), unit: BigInt(per), burst, type: 0, flags: 0 } };
}

/** `counter` */
export function counter(): Expression {
  return { name: 'counter', data: {} };
}

/** `counter name "dropped"`: counts in a named counter of the table, which outlives the rule. */
export function countIn(name: string): Expression {
  return { name: 'objref', data: { type: ObjectType.counter, name } };
}

function decide(code: number, chain?: string): Expression {
  return { name: 'immediate', data: { destination: Register.verdict, data: { verdict: { code, chain } } } };
}

/** `accept` */
export function accept(): Expression {
  return decide(Verdict.accept);
}

/** `drop` */
export function drop(): Expression {
  return decide(Verdict.drop);
}

/** `return`: on with the rule after the jump, or with the policy of a base chain. */
export function leave(): Expression {
  return decide(Verdict.return);
}

/** `jump chain` */
export function jump(chain: string): Expression {
  return decide(Verdict.jump, chain);
}

/** `goto chain` */
export function goTo(chain: string): Expression {
  return decide(Verdict.goto, chain);
}

/** `reject with icmpx type port-unreachable`: the ICMP of the family that the packet has. */
export function reject(code: number = RejectCode.portUnreachable): Expression {
  return { name: 'reject', data: { type: RejectType.icmpx, code } };
}

/** `reject with tcp reset`, after matchProtocol(Protocol.tcp), which the kernel insists on. */
export function rejectWithReset(): Expression {
  return { name: 'reject', data: { type: RejectType.tcpReset, code: 0 } };
}
