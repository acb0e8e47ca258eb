import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf, hostOf } from '../bench/addresses.ts';
import { amount } from '../bench/finding.ts';
import { table } from '../bench/report.ts';
import { ResponseReader } from '../bench/response.ts';
import { interleaved, median, quantile } from '../bench/statistics.ts';

describe('the statistics of the benches', () => {
  it('take the middle, not the mean', () => {
    expect(median([9, 1, 1000])).toBe(9);
    expect(median([4, 1, 1000, 2])).toBe(3);
    expect(median([])).toBeNaN();
  });

  it('take for a quantile a value that was measured', () => {
    const sorted = Array.from({ length: 200 }, (_, index) => index + 1);
    expect([0.5, 0.99, 1].map((share) => quantile(sorted, share))).toEqual([100, 198, 200]);
    expect(quantile([7], 0.01)).toBe(7);
  });

  it('let rivals take turns, and another one begin each time', async () => {
    const order: string[] = [];
    const work = (name: string) => async () => order.push(name);
    await interleaved(3, { a: work('a'), b: work('b'), c: work('c') });
    expect(order.join('')).toBe('abcbcacab');
  });
});

describe('the addresses of the benches', () => {
  it('are all different and stay in 128.0.0.0/2', () => {
    const addresses = Array.from({ length: 100_000 }, (_, index) => addressOf(index));
    expect(new Set(addresses).size).toBe(100_000);
    expect(addresses.every((address) => address >>> 30 === 2)).toBe(true);
    expect([0, 1, 2].map(hostOf)).toEqual(['128.0.0.0', '158.55.121.177', '188.110.243.98']);
  });
});

describe('the reader of responses', () => {
  it('gives each response once, wherever the stream is cut', () => {
    const stream = Buffer.from(
      ['{"a":1}', '', 'x'.repeat(300)]
        .map((body) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX: y\r\n\r\n${body}`)
        .join(''),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
        const bodies: number[] = [];
        const reader = new ResponseReader((head, body) => {
          expect(head.startsWith('HTTP/1.1 200 OK\r\n')).toBe(true);
          bodies.push(body.length);
        });
        const ends = [...cuts.sort((a, b) => a - b), stream.length];
        for (const [index, end] of ends.entries()) reader.read(stream.subarray(ends[index - 1] ?? 0, end));
        expect(bodies).toEqual([7, 0, 300]);
      }),
    );
  });

  it('refuses a response whose end it cannot know', () => {
    const reader = new ResponseReader(() => undefined);
    expect(() => reader.read(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'))).toThrow(
      'A response without a length',
    );
  });
});

describe('the report of the benches', () => {
  it('says of each target whether it was met', () => {
    const row = { work: 'w', result: '1 ms', target: 'under 2 ms', beside: '' };
    expect(
      table([
        { ...row, met: true },
        { ...row, met: false },
        { ...row, target: '', met: undefined },
      ]),
    ).toBe(
      `| work | result | target     | met? | beside it, same run |
| ---- | ------ | ---------- | ---- | ------------------- |
| w    | 1 ms   | under 2 ms | yes  |                     |
| w    | 1 ms   | under 2 ms | NO   |                     |
| w    | 1 ms   |            |      |                     |
`,
    );
  });

  it('gives numbers as people read them', () => {
    expect([amount(0.4567, 'ms'), amount(912.6, 'ms'), amount(12_345, 'ms'), amount(526_400, 'packets/s')]).toEqual([
      '0.457 ms',
      '913 ms',
      '12.3 s',
      '526 kpps',
    ]);
  });
});
