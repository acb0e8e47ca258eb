import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RfwError } from '../domain/errors.ts';
import { parseServerAddress, parseSubjectName, parseSubjectNames } from './subject.ts';

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof RfwError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('subject names', () => {
  it.each([
    ['11.22.33.44', { type: 'ip', value: '11.22.33.44' }],
    ['2001:DB8:0:0::1', { type: 'ip', value: '2001:db8::1' }],
    ['::ffff:11.22.33.44', { type: 'ip', value: '11.22.33.44' }],
    ['localhost', { type: 'dns', value: 'localhost' }],
    ['RFW.Example.COM', { type: 'dns', value: 'rfw.example.com' }],
    ['3com.example', { type: 'dns', value: '3com.example' }],
    ['xn--bcher-kva.example', { type: 'dns', value: 'xn--bcher-kva.example' }],
    ['*.example.com', { type: 'dns', value: '*.example.com' }],
    [`${'a'.repeat(63)}.example`, { type: 'dns', value: `${'a'.repeat(63)}.example` }],
  ])('reads %s', (text, name) => {
    expect(parseSubjectName(text)).toEqual(name);
  });

  it.each([
    ['', 'certificate-invalid'],
    ['.', 'certificate-invalid'],
    ['example.com.', 'certificate-invalid'],
    ['.example.com', 'certificate-invalid'],
    ['a..b', 'certificate-invalid'],
    ['-a.example', 'certificate-invalid'],
    ['a-.example', 'certificate-invalid'],
    ['under_score.example', 'certificate-invalid'],
    ['bücher.example', 'certificate-invalid'],
    ['white space', 'certificate-invalid'],
    ['new\nline', 'certificate-invalid'],
    ['trailing\n', 'certificate-invalid'],
    ['11.22.33.0/24', 'certificate-invalid'],
    [`${'a'.repeat(64)}.example`, 'certificate-invalid'],
    [`${'a.'.repeat(126)}ab`, 'certificate-invalid'],
    ['*', 'certificate-invalid'],
    ['*.com', 'certificate-invalid'],
    ['www.*.com', 'certificate-invalid'],
    ['w*.example.com', 'certificate-invalid'],
    ['*.*.example.com', 'certificate-invalid'],
    ['11.22.33.256', 'address-invalid'],
    ['11.22.33', 'address-invalid'],
    ['*.22.33.44', 'address-invalid'],
    ['1234', 'address-invalid'],
    ['2001:db8::g', 'address-invalid'],
    ['[2001:db8::1]', 'address-invalid'],
    ['fe80::1%eth0', 'address-invalid'],
  ])('refuses %j', (text, code) => {
    expect(refusal(() => parseSubjectName(text))).toBe(code);
  });

  it('takes only an address for the server', () => {
    expect(parseServerAddress('::1')).toEqual({ type: 'ip', value: '::1' });
    expect(refusal(() => parseServerAddress('rfw.example.com'))).toBe('address-invalid');
  });

  it('keeps the order and names everything once', () => {
    const names = parseSubjectNames('11.22.33.44', [
      'b.example',
      '::1',
      'B.example',
      '11.22.33.44',
      '0::1',
      'a.example',
    ]);
    expect(names.map((name) => name.value)).toEqual(['11.22.33.44', 'b.example', '::1', 'a.example']);
  });

  it('reads its own text as the same name again, whatever it was given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        let name: ReturnType<typeof parseSubjectName>;
        try {
          name = parseSubjectName(text);
        } catch (error) {
          return error instanceof RfwError;
        }
        expect(parseSubjectName(name.value)).toEqual(name);
        return true;
      }),
    );
  });
});
