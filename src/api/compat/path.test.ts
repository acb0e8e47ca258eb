import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../domain/errors.ts';
import { ruleKey } from '../../domain/rule.ts';
import { parsePath } from './path.ts';

/** What a path names, as text: the key of its rule, `list [chain]` or `usage`. */
function read(path: string): string {
  const resource = parsePath(path);
  if (resource.kind === 'rule') return ruleKey(resource.spec);
  return resource.kind === 'list' && resource.chain !== undefined ? `list ${resource.chain}` : resource.kind;
}

const refusal = (code: ErrorCode, message: string | RegExp) =>
  expect.objectContaining({ name: 'RfwError', code, message: expect.stringMatching(message) });

describe('parsePath', () => {
  it.each([
    ['/', 'usage'],
    ['', 'usage'],
    ['/list', 'list'],
    ['/list/', 'list'],
    ['/LIST', 'list'],
    ['/list/input', 'list input'],
    ['/list/INPUT/', 'list input'],
    ['/List/Output', 'list output'],
    ['/list/forward', 'list forward'],
  ])('reads %s as %s', (path, resource) => {
    expect(read(path)).toBe(resource);
  });

  it.each([
    ['/drop/input/eth0/11.22.33.44', 'drop input eth0 any 11.22.33.44/32 any'],
    ['/accept/output/any/192.168.0.0/24', 'accept output any any any 192.168.0.0/24'],
    ['/reject/output/eth0/1.2.3.4', 'reject output any eth0 any 1.2.3.4/32'],
    ['/accept/forward/ppp/1.2.3.0/24/eth0/5.5.5.5', 'accept forward ppp+ eth0 1.2.3.0/24 5.5.5.5/32'],
    ['/drop/forward/any/1.2.3.4', 'drop forward any any 1.2.3.4/32 any'],
    ['/drop/forward/any/1.2.3.4/24', 'drop forward any any 1.2.3.0/24 any'],
    ['/drop/forward/eth0/1.2.3.4/eth1', 'drop forward eth0 eth1 1.2.3.4/32 any'],
    ['/drop/forward/eth0/1.2.3.4/24/eth1', 'drop forward eth0 eth1 1.2.3.0/24 any'],
    ['/drop/forward/eth0/1.2.3.4/any/5.6.7.8/16', 'drop forward eth0 any 1.2.3.4/32 5.6.0.0/16'],
    ['/drop/forward/eth0/1.2.3.4/24/eth1/5.6.7.8/16', 'drop forward eth0 eth1 1.2.3.0/24 5.6.0.0/16'],
  ])('reads the shape %s as %s', (path, key) => {
    expect(read(path)).toBe(key);
  });

  it.each([
    ['/DROP/INPUT/ANY/1.2.3.4', 'drop input any any 1.2.3.4/32 any'],
    ['/Drop/Input/aNy/1.2.3.4', 'drop input any any 1.2.3.4/32 any'],
    ['/drop/input/Eth0/1.2.3.4', 'drop input Eth0 any 1.2.3.4/32 any'],
    ['/drop/input/PPP/1.2.3.4', 'drop input PPP+ any 1.2.3.4/32 any'],
    ['/ACCEPT/FORWARD/any/1.2.3.4/ANY/5.6.7.8', 'accept forward any any 1.2.3.4/32 5.6.7.8/32'],
  ])('takes any letter case but keeps that of interfaces: %s is %s', (path, key) => {
    expect(read(path)).toBe(key);
  });

  it.each([
    ['ppp', 'ppp+'],
    ['eth0', 'eth0'],
    ['eth0.', 'eth0.+'],
    ['eth0.100', 'eth0.100'],
    ['br-lan', 'br-lan+'],
    ['wg_a:b@c', 'wg_a:b@c+'],
    ['anyway', 'anyway+'],
    ['abcdefghijklmn', 'abcdefghijklmn+'],
    ['abcdefghijklmno', 'abcdefghijklmno'],
    ['abcdefghijklmn0', 'abcdefghijklmn0'],
  ])('reads the interface %s as %s', (name, pattern) => {
    expect(read(`/drop/input/${name}/1.2.3.4`)).toBe(`drop input ${pattern} any 1.2.3.4/32 any`);
  });

  it.each([
    ['abcdefghijklmnop', /^Interface name too long: "abcdefghijklmnop"; at most 15 characters$/],
    ['eth12345678901234', /^Interface name too long/],
    ['-eth0', /^Incorrect interface name "-eth0": letters, digits and _ \. : @ - are allowed/],
    ['eth+', /^Incorrect interface name "eth\+": write it without \+$/],
    ['eth%2B', /^Incorrect interface name "eth\+": write it without \+$/],
    ['+', /^Incorrect interface name "\+"/],
    ['eth 0', /^Incorrect interface name "eth 0"/],
    ['eth%200', /^Incorrect interface name "eth 0"/],
    ['eth%0A', /^Incorrect interface name "eth\\n"/],
    ['eth%00', /^Incorrect interface name/],
    ['eth%2F0', /^Incorrect interface name "eth\/0"/],
    ['!eth0', /^Incorrect interface name/],
    ['eth*', /^Incorrect interface name/],
    ['é0', /^Incorrect interface name/],
    ['%C3%A90', /^Incorrect interface name "é0"/],
    ['.', /^Incorrect interface name/],
    ['..', /^Incorrect interface name/],
  ])('refuses the interface %s', (name, message) => {
    expect(() => read(`/drop/input/${name}/1.2.3.4`)).toThrow(refusal('interface-invalid', message));
    expect(() => read(`/drop/output/${name}/1.2.3.4`)).toThrow(refusal('interface-invalid', message));
    expect(() => read(`/drop/forward/any/1.2.3.4/${name}`)).toThrow(refusal('interface-invalid', message));
  });

  it.each([
    ['/drop/input/any/1.2.3.4/32', '1.2.3.4/32'],
    ['/drop/input/any/1.2.3.4/24', '1.2.3.0/24'],
    ['/drop/input/any/1.2.3.4/9', '1.0.0.0/9'],
    ['/drop/input/any/0.0.0.0/9', '0.0.0.0/9'],
    ['/drop/input/any/255.255.255.255/31', '255.255.255.254/31'],
    ['/drop/input/any/2001:db8::', '2001:db8::/128'],
    ['/drop/input/any/2001:DB8:0:0::1/128', '2001:db8::1/128'],
    ['/drop/input/any/2001:db8::1/64', '2001:db8::/64'],
    ['/drop/input/any/2001:db8:ffff::/16', '2001::/16'],
    ['/drop/input/any/2001:db8::1.2.3.4', '2001:db8::102:304/128'],
    ['/drop/input/any/2001%3Adb8%3A%3A1', '2001:db8::1/128'],
    ['/drop/input/any/%31.2.3.4', '1.2.3.4/32'],
    ['/drop/input/any/::ffff:1.2.3.4', '1.2.3.4/32'],
    ['/drop/input/any/::FFFF:102:304', '1.2.3.4/32'],
    ['/drop/input/any/::ffff:1.2.3.4/24', '1.2.3.0/24'],
    ['/drop/input/any/1.2.3.4/', '1.2.3.4/32'],
    ['/drop/input/any/1.2.3.4/24/', '1.2.3.0/24'],
  ])('zeroes host bits and writes addresses in one way: %s is from %s', (path, source) => {
    expect(read(path)).toBe(`drop input any any ${source} any`);
  });

  it.each([
    ['/drop/input/any/1.2.3.4/8', 'Incorrect netmask "8": it must be a number from 9 to 32'],
    ['/drop/input/any/1.2.3.4/0', 'Incorrect netmask "0": it must be a number from 9 to 32'],
    ['/drop/input/any/1.2.3.4/33', 'Incorrect netmask "33": it must be a number from 9 to 32'],
    ['/drop/input/any/1.2.3.4/024', 'Incorrect netmask "024": it must be a number from 9 to 32'],
    ['/drop/input/any/1.2.3.4/+24', 'Incorrect netmask "+24"'],
    ['/drop/input/any/1.2.3.4/-1', 'Incorrect netmask "-1"'],
    ['/drop/input/any/1.2.3.4/2e1', 'Incorrect netmask "2e1"'],
    ['/drop/input/any/1.2.3.4/0x18', 'Incorrect netmask "0x18"'],
    ['/drop/input/any/1.2.3.4/255.255.255.0', 'Incorrect netmask "255.255.255.0"'],
    ['/drop/input/any/2001:db8::/15', 'Incorrect netmask "15": it must be a number from 16 to 128'],
    ['/drop/input/any/2001:db8::/129', 'Incorrect netmask "129": it must be a number from 16 to 128'],
    ['/drop/input/any/2001:db8::/064', 'Incorrect netmask "064"'],
    ['/drop/output/any/1.2.3.4/eth0', 'Incorrect netmask "eth0"'],
    ['/drop/forward/any/1.2.3.4/8', 'Incorrect netmask "8": it must be a number from 9 to 32'],
    ['/drop/forward/any/1.2.3.4/024', 'Incorrect netmask "024"'],
    ['/drop/forward/any/1.2.3.4/eth0/5.6.7.8/33', 'Incorrect netmask "33"'],
    ['/drop/forward/any/1.2.3.4/eth0/2001:db8::/129', 'Incorrect netmask "129"'],
  ])('refuses the mask in %s: %s', (path, message) => {
    expect(() => read(path)).toThrow(refusal('mask-invalid', message.replace('+', '\\+')));
  });

  it.each([
    '01.2.3.4',
    '1.2.3.04',
    '1.2.3.00',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '0x1.2.3.4',
    '1.2.3.4%2F24',
    '1.2.3.4%20',
    'example.com',
    'any',
    '1::2::3',
    '2001:db8',
    '[2001:db8::1]',
    'fe80::1%25eth0',
    '12345::1',
    '::ffff:01.2.3.4',
    '1.2.3.4,5.6.7.8',
  ])('refuses the address %s', (address) => {
    expect(() => read(`/drop/input/any/${address}`)).toThrow(refusal('address-invalid', /^Incorrect IP address: "/));
    expect(() => read(`/drop/output/any/${address}`)).toThrow(refusal('address-invalid', /^Incorrect IP address: "/));
    expect(() => read(`/drop/forward/any/1.2.3.4/any/${address}`)).toThrow(refusal('address-invalid', /^Incorrect IP/));
  });

  it.each([
    ['/accept/forward/eth0/0.0.0.0/eth1/5.5.5.5', 'accept forward eth0 eth1 any 5.5.5.5/32'],
    ['/accept/forward/eth0/::/eth1/2001:db8::1', 'accept forward eth0 eth1 any 2001:db8::1/128'],
    ['/accept/forward/eth0/1.2.3.4/eth1/0.0.0.0', 'accept forward eth0 eth1 1.2.3.4/32 any'],
    ['/accept/forward/eth0/2001:db8::/64/eth1/::', 'accept forward eth0 eth1 2001:db8::/64 any'],
    ['/accept/forward/eth0/0.0.0.0/32/any/5.5.5.5', 'accept forward eth0 any any 5.5.5.5/32'],
    ['/accept/forward/any/::ffff:0.0.0.0/any/5.5.5.5', 'accept forward any any any 5.5.5.5/32'],
    ['/accept/forward/any/0.0.0.0/9/any/5.5.5.5', 'accept forward any any 0.0.0.0/9 5.5.5.5/32'],
  ])('takes the unspecified address in forward for any: %s is %s', (path, key) => {
    expect(read(path)).toBe(key);
  });

  it.each([
    ['/drop/forward/any/0.0.0.0', 'address-invalid', /^A forward rule needs a source or a destination/],
    ['/drop/forward/eth0/0.0.0.0/eth1/0.0.0.0', 'address-invalid', /^A forward rule needs a source or a destination/],
    ['/drop/forward/eth0/::/eth1/::', 'address-invalid', /^A forward rule needs a source or a destination/],
    ['/drop/forward/any/1.2.3.4/any/2001:db8::1', 'family-mismatch', /both be IPv4 or both be IPv6$/],
    ['/drop/input/any/0.0.0.0', 'address-invalid', /can only be used with the forward chain$/],
    ['/drop/output/any/::', 'address-invalid', /can only be used with the forward chain$/],
    ['/drop/input/any/0.0.0.0/32', 'address-invalid', /can only be used with the forward chain$/],
  ] as const)('refuses any address where it can not be: %s', (path, code, message) => {
    expect(() => read(path)).toThrow(refusal(code, message));
  });

  it.each([
    ['//', 'path-invalid', /^A part of the path is empty$/],
    ['//drop/input/any/1.2.3.4', 'path-invalid', /^A part of the path is empty$/],
    ['/drop//input/any/1.2.3.4', 'path-invalid', /^A part of the path is empty$/],
    ['/drop/input/any/1.2.3.4//', 'path-invalid', /^A part of the path is empty$/],
    ['/drop/input/any/1.2.3.4//24', 'path-invalid', /^A part of the path is empty$/],
    ['/list//', 'path-invalid', /^A part of the path is empty$/],
    ['/drop', 'path-invalid', /^Not enough details to construct the rule/],
    ['/drop/input', 'path-invalid', /^Not enough details to construct the rule/],
    ['/drop/input/any', 'path-invalid', /^Not enough details to construct the rule/],
    ['/drop/forward/any/1.2.3.4/any/', 'path-invalid', null],
    ['/drop/input/any/1.2.3.4/24/eth0', 'path-invalid', /^Too many details for the input chain$/],
    ['/drop/output/any/1.2.3.4/24/5', 'path-invalid', /^Too many details for the output chain$/],
    ['/drop/forward/any/1.2.3.4/any/5.6.7.8/24/x', 'path-invalid', /^Too many details for the forward chain$/],
    ['/list/input/1', 'path-invalid', /^Too many details for the list command$/],
    ['/list/nat', 'chain-invalid', /^Wrong chain name "nat": it must be input, output or forward$/],
    ['/drop/nat/any/1.2.3.4', 'chain-invalid', /^Wrong chain name "nat"/],
    ['/allow/input/any/1.2.3.4', 'action-invalid', /^Unrecognized action "allow": it must be drop, accept, reject or/],
    ['/favicon.ico', 'action-invalid', /^Unrecognized action "favicon\.ico"/],
    ['/drop/input/any/%zz', 'path-invalid', /^Incorrect percent-encoding in "%zz"$/],
    ['/drop/input/any/%FF', 'path-invalid', /^Incorrect percent-encoding in "%FF"$/],
    ['/%', 'path-invalid', /^Incorrect percent-encoding in "%"$/],
    ['drop/input/any/1.2.3.4', 'path-invalid', /^The path must begin with \/$/],
    ['*', 'path-invalid', /^The path must begin with \/$/],
  ] as const)('refuses %s with %s', (path, code, message) => {
    // A trailing slash alone is allowed: that one path is whole without it.
    if (message === null) expect(read(path)).toBe('drop forward any any 1.2.3.4/32 any');
    else expect(() => read(path)).toThrow(refusal(code, message));
  });
});
