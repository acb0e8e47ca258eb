import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inDirectory } from './openssl.fixture.ts';
import { contents, rfwgen } from './rfwgen.fixture.ts';

describe('the command line', () => {
  it.each([
    ['', "missing required argument 'server_ip'"],
    ['rfw.example.com', 'Incorrect IP address: "rfw.example.com"'],
    ['11.22.33.256', 'Incorrect IP address: "11.22.33.256"'],
    ['../../etc', 'Incorrect IP address: "../../etc"'],
    ['11.22.33.44 under_score', 'Incorrect name "under_score"'],
    ['--what 11.22.33.44', "unknown option '--what'"],
    ['--days 0 11.22.33.44', "'0' is invalid. It must be a number from 1 to 7305."],
    ['--days 7306 11.22.33.44', "'7306' is invalid"],
    ['--days 1.5 11.22.33.44', "'1.5' is invalid"],
    ['--days=-1 11.22.33.44', "'-1' is invalid"],
    ['--days', "option '--days <n>' argument missing"],
  ])('refuses "%s"', (line, message) =>
    inDirectory(async (directory) => {
      const run = await rfwgen(directory, line);
      expect(run).toMatchObject({ status: 2, out: '' });
      expect(run.err).toMatch(/^rfwgen: /);
      expect(run.err).toContain(message);
      expect(contents(directory)).toEqual({});
    }),
  );

  it.each(['-h', '--help'])('explains itself on %s', (flag) =>
    inDirectory(async (directory) => {
      const run = await rfwgen(directory, flag);
      expect(run).toMatchObject({ status: 0, err: '' });
      expect(run.out).toMatch(/^Usage: rfwgen \[options\] <server_ip> \[names\.\.\.\]\n/);
      expect(contents(directory)).toEqual({});
    }),
  );

  it('prints the version of the package', () =>
    inDirectory(async (directory) => {
      const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
      expect(await rfwgen(directory, '--version')).toMatchObject({ status: 0, out: `${version}\n`, err: '' });
    }));
});
