import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foreignness, type RequestOrigin } from './browser.ts';

const port = 7390;
const foreignHost = 'The local server answers to localhost, 127.0.0.1 and [::1] only';
const crossSite = 'Cross-site requests are refused';

describe('foreignness', () => {
  it.each<[string, RequestOrigin]>([
    ['curl by name', { host: 'localhost:7390' }],
    ['curl by address', { host: '127.0.0.1:7390' }],
    ['curl by IPv6 address', { host: '[::1]:7390' }],
    ['a name in capitals', { host: 'LOCALHOST:7390' }],
    ['a client that leaves the port away', { host: 'localhost' }],
    ['a client of HTTP/1.0', {}],
    ['an address typed into a browser', { host: 'localhost:7390', 'sec-fetch-site': 'none' }],
    ['its own page', { host: 'localhost:7390', origin: 'http://localhost:7390', 'sec-fetch-site': 'same-origin' }],
    ['a link on its own page', { host: 'localhost:7390', referer: 'http://localhost:7390/list' }],
    ['its own page by IPv6', { host: '[::1]:7390', origin: 'http://[::1]:7390' }],
  ])('serves %s', (_, headers) => {
    expect(foreignness(headers, port)).toBeUndefined();
  });

  it.each<[string, RequestOrigin, string]>([
    ['a page whose name leads here', { host: 'evil.example:7390' }, foreignHost],
    ['another port', { host: 'localhost:7391' }, foreignHost],
    ['an empty host', { host: '' }, foreignHost],
    ['a name that begins like ours', { host: 'localhost.evil.example:7390' }, foreignHost],
    ['a name that ends like ours', { host: 'evil.localhost:7390' }, foreignHost],
    ['another loopback address', { host: '127.0.0.2:7390' }, foreignHost],
    ['an address in another notation', { host: '2130706433:7390' }, foreignHost],
    ['IPv6 without brackets', { host: '::1' }, foreignHost],
    ['a user before the name', { host: 'localhost:7390@evil.example' }, foreignHost],
    ['a list of hosts', { host: 'localhost:7390, evil.example' }, foreignHost],
    ['a page of another site', { host: 'localhost:7390', 'sec-fetch-site': 'cross-site' }, crossSite],
    ['a page of another port', { host: 'localhost:7390', 'sec-fetch-site': 'same-site' }, crossSite],
    ['an unknown relation', { host: 'localhost:7390', 'sec-fetch-site': 'Same-Origin' }, crossSite],
    ['an image on a page of another site', { host: 'localhost:7390', referer: 'https://evil.example/' }, crossSite],
    ['a page whose site begins like ours', { referer: 'http://localhost:7390.evil.example/' }, crossSite],
    ['two relations', { host: 'localhost:7390', 'sec-fetch-site': ['none', 'cross-site'] }, crossSite],
    ['two relations in one', { host: 'localhost:7390', 'sec-fetch-site': 'none, cross-site' }, crossSite],
    ['an empty relation', { host: 'localhost:7390', 'sec-fetch-site': '' }, crossSite],
    ['the origin of another site', { host: 'localhost:7390', origin: 'http://evil.example' }, crossSite],
    ['an opaque origin', { host: 'localhost:7390', origin: 'null' }, crossSite],
    ['an empty origin', { host: 'localhost:7390', origin: '' }, crossSite],
    ['an origin of another port', { host: 'localhost:7390', origin: 'http://localhost:3000' }, crossSite],
    ['an origin without the port', { host: 'localhost:7390', origin: 'http://localhost' }, crossSite],
    ['an origin of another scheme', { host: 'localhost:7390', origin: 'https://localhost:7390' }, crossSite],
    ['a good origin from another site', { origin: 'http://localhost:7390', 'sec-fetch-site': 'cross-site' }, crossSite],
  ])('refuses %s', (_, headers, reason) => {
    expect(foreignness(headers, port)).toBe(reason);
  });

  it('serves no other host than the three loopback names', () => {
    const own = ['localhost', '127.0.0.1', '[::1]'].flatMap((name) => [name, `${name}:${port}`]);
    const piece = fc.constantFrom('localhost', '127.0.0.1', '[::1]', ':', '7390', '.', '@', 'x', ' ');
    const host = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(host, (text) => {
        expect(foreignness({ host: text }, port) === undefined).toBe(own.includes(text.toLowerCase()));
      }),
      { numRuns: 1000 },
    );
  });
});
