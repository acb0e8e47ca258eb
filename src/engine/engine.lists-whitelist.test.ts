import { describe, expect, it } from 'vitest';
import { parseWhitelistEntry } from '../domain/whitelist.ts';
import { advance, onFakeTime, protection } from './engine.fixture.ts';
import { isFull } from './faults.fixture.ts';
import { ListHost, replaceList } from './lists.fixture.ts';

onFakeTime();

const stands = ['spam drop 10.0.0.0/8 2001:db8::/32'];

/** A host on which the list spam stands. */
async function filled(): Promise<ListHost> {
  const host = await ListHost.begun();
  await host.take(replaceList('spam', ['10.0.0.0/8', '2001:db8::/32']));
  return host;
}

describe('the whitelist of lists', () => {
  const entry = (text: string) => ({ entry: parseWhitelistEntry(text), by: 'test', comment: '', createdAt: 0 });
  const nothing = () => ({});
  const around = ['10.0.0.0/31', '10.0.0.3', '10.0.0.4/30', '10.0.0.8/29', '10.0.0.16/28'].map((text) =>
    text.includes('/') ? text : `${text}/32`,
  );

  it('is cut out of what is enforced, and not of what was given; so are those addresses that IPv6 needs', async () => {
    const host = await ListHost.begun(protection(['10.0.0.2']));
    await host.take(replaceList('spam', ['10.0.0.0/27', 'fe80::/16']));
    expect([host.enforced, host.listed]).toEqual([
      [`spam drop ${around.join(' ')}`],
      ['spam drop 10.0.0.0/27 fe80::/16'],
    ]);
  });

  it('cuts anew when it is another one, in the same step, and loads only lists that this makes others', async () => {
    const host = await ListHost.begun();
    await host.take(replaceList('spam', ['10.0.0.0/27']));
    await host.take(replaceList('far', ['11.0.0.0/8']));
    const [far, near] = host.memory.lists;
    await host.engine.protect(protection(['10.0.0.2', '192.0.2.1']));
    expect(host.enforced).toEqual(['far drop 11.0.0.0/8', `spam drop ${around.join(' ')}`]);
    expect(host.memory.lists[0]).toBe(far);
    expect(host.memory.lists[1]?.version).not.toBe(near?.version);
    await host.engine.whitelisting.add(entry('11.0.0.0/9'), nothing);
    expect(host.enforced[0]).toBe('far drop 11.128.0.0/9');
    await host.engine.whitelisting.remove('11.0.0.0/9', 'test', nothing, nothing);
    await host.engine.protect(protection(['192.0.2.1']));
    expect(host.enforced).toEqual(['far drop 11.0.0.0/8', 'spam drop 10.0.0.0/27']);
    expect(host.happened).not.toContain('drift');
    await host.again(protection(['10.0.0.2']));
    expect(host.enforced[1]).toBe(`spam drop ${around.join(' ')}`);
  });

  it('leaves the lists as they were when it can not be followed', async () => {
    const host = await filled();
    host.store.appends.push(isFull);
    const failure = host.engine.whitelisting.add(entry('10.0.0.0/9'), nothing);
    await expect(failure).rejects.toMatchObject({ code: 'store-failed' });
    expect(host.enforced).toEqual(stands);
    await host.engine.whitelisting.add(entry('10.0.0.0/9'), nothing, { id: 'c', seconds: 10, by: 'test' });
    expect(host.enforced).toEqual(['spam drop 10.128.0.0/9 2001:db8::/32']);
    await advance(10_100);
    expect(host.enforced).toEqual(stands);
  });
});
