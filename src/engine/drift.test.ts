import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DriftWatch } from './drift.ts';
import { onFakeTime, settle } from './engine.fixture.ts';

onFakeTime();

let watch: DriftWatch;
let disturb: () => void;
let watching: boolean;
/** When looks were taken, in milliseconds since the start. */
let looks: number[];
let begin: number;
/** What a look finds and how long it takes. */
let look: () => Promise<boolean>;

beforeEach(() => {
  begin = performance.now();
  looks = [];
  look = async () => true;
  watch = new DriftWatch(() => {
    looks.push(Math.round(performance.now() - begin));
    return look();
  });
  watch.start((disturbed) => {
    disturb = disturbed;
    watching = true;
    return () => {
      watching = false;
    };
  });
});

afterEach(() => watch.stop());

/** Moves the time in small steps, so that what a timer begins is over before the next; somebody may disturb at each. */
async function pass(milliseconds: number, each: () => void = () => undefined, step = 10): Promise<void> {
  await settle();
  for (let passed = 0; passed < milliseconds; passed += step) {
    vi.advanceTimersByTime(step);
    await settle();
    each();
  }
}

const fails = async (): Promise<boolean> => false;

describe('a look', () => {
  it('is taken at once when something is disturbed, and not before', async () => {
    await pass(1000);
    disturb();
    await pass(5000);
    expect(looks).toEqual([1000]);
  });

  it('is taken at once when the watch speaks as soon as it is started', async () => {
    const another = new DriftWatch(async () => {
      looks.push(0);
      return true;
    });
    another.start((disturbed) => {
      disturbed();
      return () => undefined;
    });
    await settle();
    expect(looks).toEqual([0]);
    another.stop();
  });

  it('is one for all that is disturbed before it may be taken', async () => {
    disturb();
    await settle();
    for (let times = 0; times < 10; times++) disturb();
    await pass(1000);
    expect(looks).toEqual([0, 100]);
  });

  it('is taken again when something is disturbed while one is under way', async () => {
    let end = (_intact: boolean): void => undefined;
    look = () =>
      new Promise((resolve) => {
        end = resolve;
      });
    disturb();
    await settle();
    disturb();
    await pass(300);
    expect(looks).toEqual([0]);
    look = async () => true;
    end(true);
    await pass(2000);
    expect(looks).toHaveLength(2);
  });

  it('comes within a second of the last however long looks take, and those that take long come more rarely', async () => {
    const lasting = (milliseconds: number) => () =>
      new Promise<boolean>((resolve) => setTimeout(() => resolve(true), milliseconds));
    look = lasting(50);
    disturb();
    await pass(2000, disturb);
    expect(looks.slice(0, 3)).toEqual([0, 550, 1100]);
    look = lasting(400);
    looks = [];
    await pass(5000, disturb);
    const [, first = 0, second = 0] = looks;
    expect(second - first).toBe(1150);
  });
});

describe('while another program keeps fighting', () => {
  it('looks are ever rarer, up to one in 30 seconds', async () => {
    look = fails;
    disturb();
    await pass(130_000, disturb, 50);
    expect(looks).toEqual([0, 250, 750, 1750, 3750, 7750, 15_750, 31_750, 61_750, 91_750, 121_750]);
  });

  it('the last disturbance is looked at when the back-off ends', async () => {
    look = fails;
    disturb();
    await pass(5000, disturb);
    expect(looks).toEqual([0, 250, 750, 1750, 3750]);
    look = async () => true;
    await pass(5000);
    expect(looks).toEqual([0, 250, 750, 1750, 3750, 7750]);
    await pass(60_000);
    expect(looks).toHaveLength(6);
  });

  it('a minute without a repair has it forgotten', async () => {
    look = fails;
    disturb();
    await pass(5000, disturb);
    await pass(5000);
    looks = [];
    look = async () => true;
    await pass(62_000, undefined, 50);
    look = fails;
    begin = performance.now();
    disturb();
    await pass(1000, disturb);
    expect(looks).toEqual([0, 250, 750]);
  });

  it('looks that find nothing do not have it forgotten', async () => {
    look = fails;
    disturb();
    await pass(2000, disturb);
    look = async () => true;
    await pass(5000, disturb);
    look = fails;
    looks = [];
    begin = performance.now();
    await pass(10_000, disturb);
    const [first = 0, second = 0] = looks;
    expect(second - first).toBe(4000);
  });
});

it('a watch that has stopped looks no more, whatever is still to come', async () => {
  look = fails;
  disturb();
  await settle();
  disturb();
  watch.stop();
  expect(watching).toBe(false);
  disturb();
  await pass(60_000, undefined, 50);
  expect(looks).toEqual([0]);
  expect(vi.getTimerCount()).toBe(0);
});
