import { describe, expect, it } from 'vitest';
import { formatEndpoint, parseEndpoint } from './endpoint.ts';

describe('where a daemon is', () => {
  it.each([
    ['/run/rfw/rfw.sock', '/run/rfw/rfw.sock'],
    ['unix:/run/rfw/rfw.sock', '/run/rfw/rfw.sock'],
    ['https://11.22.33.44:7393', 'https://11.22.33.44:7393'],
    ['11.22.33.44', 'https://11.22.33.44:7393'],
    ['fw.example.net:8443', 'https://fw.example.net:8443'],
    ['https://fw.example.net', 'https://fw.example.net:7393'],
    ['https://fw.example.net:443', 'https://fw.example.net:443'],
    ['http://127.0.0.1', 'http://127.0.0.1:7390'],
    ['http://127.0.0.1:80/', 'http://127.0.0.1:80'],
    ['2001:db8::1', 'https://[2001:db8::1]:7393'],
    ['[2001:db8::1]:8443', 'https://[2001:db8::1]:8443'],
    ['https://[2001:db8::1]', 'https://[2001:db8::1]:7393'],
    ['https://[2001:db8::1]:443', 'https://[2001:db8::1]:443'],
  ])('%s is %s', (text, normal) => {
    expect(formatEndpoint(parseEndpoint(text))).toBe(normal);
    expect(parseEndpoint(normal)).toEqual(parseEndpoint(text));
  });

  it.each([
    ['ftp://x', 'must begin with https:// or http://'],
    ['https://alice:secret@x', 'has a password in it'],
    ['https://x/v1', 'must be a host without a path'],
    ['https://x?y', 'must be a host without a path'],
    ['https://', 'is not a host'],
    ['a b', 'is not a host'],
    ['', 'is not a host'],
  ])('"%s" is none', (text, message) => {
    expect(() => parseEndpoint(text)).toThrow(message);
  });
});
