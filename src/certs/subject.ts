import { formatAddress, parseAddress, quote } from '../domain/address.ts';
import { RfwError } from '../domain/errors.ts';

/** One name that a client may dial: an entry of subjectAltName (RFC 5280, section 4.2.1.6). */
export interface SubjectName {
  readonly type: 'ip' | 'dns';
  /** Canonical text: an address as `formatAddress` writes it, or a host name in lower case. */
  readonly value: string;
}

/** RFC 1123, section 2.1: letters, digits and hyphens, at most 63 octets (RFC 1035), no hyphen at either end. */
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads the address that clients dial.
 * @throws RfwError `address-invalid`
 */
export function parseServerAddress(text: string): SubjectName {
  return { type: 'ip', value: formatAddress(parseAddress(text)) };
}

/**
 * Reads an IP address or a host name, which may begin with the wildcard label `*`.
 * @throws RfwError `address-invalid` or `certificate-invalid`
 */
export function parseSubjectName(text: string): SubjectName {
  const name = text.toLowerCase();
  const labels = name.split('.');
  // A host name never ends in a number (RFC 1123, section 2.1), so this can only be meant as an address.
  if (text.includes(':') || /^\d+$/.test(labels.at(-1) ?? '')) return parseServerAddress(text);
  const wildcard = labels[0] === '*';
  const plain = wildcard ? labels.slice(1) : labels;
  if (name.length > 253 || !plain.every((part) => label.test(part))) throw incorrectName(text);
  if (wildcard && plain.length < 2) {
    // RFC 6125, section 6.4.3 leaves it to the client, and TLS libraries refuse a wildcard this wide.
    throw new RfwError(
      'certificate-invalid',
      `The wildcard ${quote(text)} is too wide: write at least two labels after it, as in *.example.com`,
    );
  }
  return { type: 'dns', value: name };
}

function incorrectName(text: string): RfwError {
  return new RfwError(
    'certificate-invalid',
    `Incorrect name ${quote(text)}: give an IP address or a host name of letters, digits and hyphens (an international name in its xn-- form)`,
  );
}

/**
 * Reads all names of one certificate: the server's address first, the others in the order given, each once.
 * @throws RfwError `address-invalid` or `certificate-invalid`
 */
export function parseSubjectNames(server: string, others: readonly string[]): [SubjectName, ...SubjectName[]] {
  const first = parseServerAddress(server);
  const rest = new Map(others.map(parseSubjectName).map((name) => [name.value, name]));
  rest.delete(first.value);
  return [first, ...rest.values()];
}
