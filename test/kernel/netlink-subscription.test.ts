import { execFile } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Compiled } from '../../src/compiled.fixture.ts';
import { Connection } from '../../src/netlink/connection.ts';
import type { Reply } from '../../src/netlink/message.ts';
import * as nftables from '../../src/netlink/nftables/commands.ts';
import { KeyType, notificationGroup, Type } from '../../src/netlink/nftables/constants.ts';
import { ElementList } from '../../src/netlink/nftables/elements.ts';
import { chain } from '../../src/netlink/nftables/objects.ts';
import { Subscription } from '../../src/netlink/subscription.ts';
import { nft, nftMeanwhile, until } from './netlink.fixture.ts';

const t = { family: 'inet', name: 't' } as const;

/** A subscription that remembers what it heard. */
class Witness {
  readonly heard: Reply[] = [];
  losses = 0;
  readonly failures: unknown[] = [];
  readonly subscription = new Subscription(notificationGroup, {
    changed: (notifications) => this.heard.push(...notifications),
    lost: () => this.losses++,
    failed: (error) => this.failures.push(error),
  });

  get types(): number[] {
    return this.heard.map(({ type }) => type & 0xff);
  }
}

const witnesses: Witness[] = [];

function witness(): Witness {
  const made = new Witness();
  witnesses.push(made);
  return made;
}

afterEach(() => {
  for (const { subscription, failures } of witnesses.splice(0)) {
    subscription.close();
    expect(failures).toEqual([]);
  }
  nft('flush ruleset');
});

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('a subscription', () => {
  it('hears what another process changes, within a second', async () => {
    const { heard, subscription, types } = witness();
    expect(types).toEqual([]);
    await nftMeanwhile('add table inet t; add chain inet t c');
    const took = await until(() => heard.some(({ type }) => (type & 0xff) === Type.newGeneration));
    expect(took).toBeLessThan(1000);
    expect(heard.map(({ type }) => type & 0xff)).toEqual([Type.newTable, Type.newChain, Type.newGeneration]);
    const made = heard[1];
    expect(made && nftables.read(chain, made)).toMatchObject({ table: 't', name: 'c' });
    subscription.close();
  });

  it('hears of a flush', async () => {
    nft('add table inet t');
    const { heard } = witness();
    await nftMeanwhile('flush ruleset');
    await until(() => heard.some(({ type }) => (type & 0xff) === Type.deleteTable));
  });

  it('knows its own changes by the port that made them', async () => {
    const { heard } = witness();
    const connection = Connection.open();
    connection.transact([nftables.addTable(t)]);
    await until(() => heard.length === 2);
    expect(new Set(heard.map(({ portId }) => portId))).toEqual(new Set([connection.portId]));
    connection.close();
  });

  it('tells of losses, and goes on', async () => {
    const one = witness();
    const connection = Connection.open();
    connection.transact([nftables.addTable(t), nftables.addSet(t, 's', { keyType: KeyType.ipv4, keyLength: 4 })]);
    const list = new ElementList(4);
    for (let address = 0; address < 150_000; address++) list.add(address);
    connection.transact(nftables.addElements(t, 's', list));
    await until(() => one.losses > 0, 5000);
    // A change as soon as the loss is told is heard of: the kernel is listening again.
    connection.transact([nftables.addChain(t, 'after')]);
    await until(() => one.types.includes(Type.newChain));
    expect(one.types.slice(-2)).toEqual([Type.newChain, Type.newGeneration]);
    expect(one.losses).toBe(1);
    connection.close();
  });

  it('says no more once it is closed, even from within a notification', async () => {
    let calls = 0;
    const subscription = new Subscription(notificationGroup, {
      changed: () => {
        calls++;
        subscription.close();
        subscription.close();
      },
      lost: () => calls++,
      failed: () => calls++,
    });
    await nftMeanwhile('add table inet t');
    await until(() => calls === 1);
    await nftMeanwhile('add table inet t2');
    await sleep(50);
    expect(calls).toBe(1);
  });

  it('gives its descriptor back', async () => {
    const open = () => readFileSync('/proc/self/net/netlink', 'utf8').split('\n').length;
    const before = open();
    for (let round = 0; round < 100; round++) {
      const { subscription } = witness();
      subscription.close();
    }
    expect(open()).toBe(before);
  });

  it('hands an error of the listener to the process, as any event handler', async () => {
    const thrown: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error));
    const subscription = new Subscription(notificationGroup, {
      changed: () => {
        throw new Error('from the listener');
      },
      lost: () => undefined,
      failed: () => undefined,
    });
    await nftMeanwhile('add table inet t');
    await until(() => thrown.length > 0);
    subscription.close();
    for (const listener of others) process.on('uncaughtException', listener);
    expect(thrown).toEqual([new Error('from the listener')]);
  });
});

describe('while it waits', () => {
  it('the event loop is free', async () => {
    witness();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await sleep(500);
    delay.disable();
    // Nanoseconds. A blocking receive would show as hundreds of milliseconds.
    expect(delay.percentile(50) / 1e6).toBeLessThan(20);
    expect(delay.max / 1e6).toBeLessThan(250);
  });

  it("libuv's pool is free, however many subscriptions wait", async () => {
    for (let count = 0; count < 20; count++) witness();
    // The pool has four threads by default: eight of these would wait for ever behind twenty blocked receives.
    const work = () =>
      new Promise<void>((resolve, reject) => {
        pbkdf2('secret', 'salt', 1, 32, 'sha256', (error) => (error ? reject(error) : resolve()));
      });
    const start = performance.now();
    await Promise.all(Array.from({ length: 8 }, work));
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('a process with a subscription', () => {
  let compiled: Compiled;

  beforeAll(async () => {
    compiled = await Compiled.make('netlink/connection', 'netlink/nftables/commands', 'netlink/subscription');
  });

  afterAll(() => compiled.remove());

  /** How a process ends that runs the script with a subscription open: its exit code, or the signal that killed it. */
  function endOf(script: string): Promise<number | string | null> {
    const preamble = `
      import { Connection } from '${compiled.file('netlink/connection')}';
      import { addTable } from '${compiled.file('netlink/nftables/commands')}';
      import { Subscription } from '${compiled.file('netlink/subscription')}';
      const nothing = () => undefined;
      new Subscription(7, { changed: nothing, lost: nothing, failed: nothing });`;
    return new Promise((resolve) => {
      const argv = ['--input-type=module', '-e', preamble + script];
      execFile(process.execPath, argv, { timeout: 10_000 }).on('exit', (code, signal) => resolve(code ?? signal));
    });
  }

  it('ends when nothing else is left to do', async () => {
    expect(await endOf('')).toBe(0);
  });

  it('ends in peace while a notification waits', async () => {
    expect(await endOf(`Connection.open().transact([addTable({ family: 'inet', name: 't' })]);`)).toBe(0);
  });
});
