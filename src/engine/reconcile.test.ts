import { beforeEach, describe, expect, it } from 'vitest';
import type { Desired } from '../backends/backend.ts';
import { MemoryBackend } from '../backends/memory.ts';
import { RfwError } from '../domain/errors.ts';
import type { PortGuard } from '../domain/guard.ts';
import { FaultyBackend } from './faults.fixture.ts';
import { degradedError, isDrift, Reconciler, type Wanted } from './reconcile.ts';
import { dumped, rule, spec } from './rules.fixture.ts';

/** Writes down what it was asked for. */
class Listener extends MemoryBackend {
  asked: Desired | undefined;

  override replace(desired: Desired) {
    this.asked = desired;
    return super.replace(desired);
  }
}

const guard: PortGuard = { port: 7393, allowed: [] };
const wanted: Wanted = { rules: [rule(1, '10.0.0.1'), rule(2, '10.0.0.2')], guard: null, whitelist: [], lists: [] };

let kernel: Listener;
let backend: FaultyBackend;
let reconciler: Reconciler;

beforeEach(() => {
  kernel = new Listener();
  backend = new FaultyBackend(kernel);
  reconciler = new Reconciler(backend);
});

describe('Reconciler', () => {
  it('brings the kernel to what is wanted and says what it repaired', async () => {
    const repair = await reconciler.bring(wanted);
    expect(kernel.dump()).toBe(dumped('10.0.0.2', '10.0.0.1'));
    expect(repair).toEqual({ missing: wanted.rules, moved: 0, removed: 0, guard: 0, lists: 0, rebuilt: false });
    expect(reconciler.degraded).toBeUndefined();
  });

  it('passes on once what may be left in the kernel', async () => {
    reconciler.expect({ rules: [spec('10.0.0.8'), spec('10.0.0.9')] });
    reconciler.expect({ rules: [spec('10.0.0.9')], guards: [guard, guard] });
    await reconciler.bring(wanted);
    expect(kernel.asked?.stale).toEqual({ rules: [spec('10.0.0.8'), spec('10.0.0.9')], guards: [guard] });
    await reconciler.bring(wanted);
    expect(kernel.asked?.stale).toEqual({ rules: [], guards: [] });
  });

  it('keeps what may be left in the kernel until a try succeeds', async () => {
    reconciler.expect({ rules: [spec('10.0.0.9')], guards: [guard] });
    backend.down = true;
    await expect(reconciler.bring(wanted)).rejects.toThrow('the kernel is away');
    expect(await reconciler.restore(wanted)).toBeUndefined();
    expect([reconciler.strays.rules, reconciler.strays.guards]).toEqual([[spec('10.0.0.9')], [guard]]);
    backend.down = false;
    await reconciler.restore(wanted);
    expect(kernel.asked?.stale).toEqual({ rules: [spec('10.0.0.9')], guards: [guard] });
    expect([reconciler.strays.rules, reconciler.strays.guards]).toEqual([[], []]);
  });

  it('is degraded from a restore that failed to the first that succeeds', async () => {
    backend.down = true;
    await reconciler.restore(wanted);
    expect(reconciler.degraded).toBe('the kernel is away');
    backend.down = false;
    await reconciler.restore(wanted);
    expect(reconciler.degraded).toBeUndefined();
  });

  it('doubles the delay from 250 ms to half a minute, and begins anew after a success', async () => {
    backend.down = true;
    const delays: number[] = [];
    for (let tries = 0; tries < 10; tries++) {
      await reconciler.restore(wanted);
      delays.push(reconciler.retryDelay);
    }
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    for (let tries = 0; tries < 1100; tries++) await reconciler.restore(wanted);
    expect(reconciler.retryDelay).toBe(30_000);
    backend.down = false;
    await reconciler.restore(wanted);
    backend.down = true;
    await reconciler.restore(wanted);
    expect(reconciler.retryDelay).toBe(250);
  });
});

describe('isDrift', () => {
  const none = { missing: [], moved: 0, removed: 0, guard: 0, lists: 0, rebuilt: false };

  it.each([
    ['nothing', none, false],
    ['a rule that was missing', { ...none, missing: [spec('10.0.0.1')] }, true],
    ['a rule in the wrong place', { ...none, moved: 1 }, true],
    ['a guard that was missing', { ...none, guard: 1 }, true],
    ['a list that was missing', { ...none, lists: 1 }, true],
    ['what rfw itself had left behind', { ...none, removed: 1 }, false],
  ])('of a repair of %s', (_, repair, is) => {
    expect(isDrift(repair)).toBe(is);
  });
});

describe('degradedError', () => {
  it('says why', () => {
    const error = degradedError('no such table');
    expect(error).toBeInstanceOf(RfwError);
    expect(error).toMatchObject({
      code: 'kernel-unavailable',
      message: "The firewall can't be brought to its state: no such table",
    });
  });
});
