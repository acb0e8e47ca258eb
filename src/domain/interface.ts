import { quote } from './address.ts';
import { RfwError } from './errors.ts';

declare const pattern: unique symbol;

/** `any`, an exact interface name (`eth0`), or a prefix of names (`ppp+`). */
export type InterfacePattern = string & { readonly [pattern]: true };

export const anyInterface = 'any' as InterfacePattern;

/** Characters of a Linux interface name: IFNAMSIZ (linux/if.h) is 16 and counts the terminating zero. */
export const maxInterfaceName = 15;

const allowed = /^[A-Za-z0-9_.:@][A-Za-z0-9_.:@-]*\+?$/;

/**
 * Reads an interface pattern.
 * @throws RfwError `interface-invalid`
 */
export function parseInterface(text: string): InterfacePattern {
  if (text.toLowerCase() === 'any') return anyInterface;
  if (text.length > maxInterfaceName) {
    throw new RfwError(
      'interface-invalid',
      `Interface name too long: ${quote(text)}; at most ${maxInterfaceName} characters`,
    );
  }
  // dev_valid_name of the kernel (net/core/dev.c) refuses the names . and ..
  if (!allowed.test(text) || text === '.' || text === '..') {
    throw new RfwError(
      'interface-invalid',
      `Incorrect interface name ${quote(text)}: letters, digits and _ . : @ - are allowed, and it must not begin with -`,
    );
  }
  return text as InterfacePattern;
}

/** Whether packets of the interface `name` match the pattern. */
export function matchesInterface(candidate: InterfacePattern, name: string): boolean {
  if (candidate === anyInterface) return true;
  return candidate.endsWith('+') ? name.startsWith(candidate.slice(0, -1)) : candidate === name;
}
