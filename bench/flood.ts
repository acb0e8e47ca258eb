import { cpus } from 'node:os';
import { basename } from 'node:path';
import { type Bench, type Context, check } from './context.ts';
import { amount, describe, type Findings, type Row, type Series, seriesOf, times } from './finding.ts';
import { type Firewall, firewalls } from './firewalls.ts';
import { run } from './process.ts';
import { interleaved, median } from './statistics.ts';
import { Target } from './target.ts';

/** Blocked addresses; linear rules only up to where they can be loaded and a packet still gets through them. */
const sizesOf = ({ million }: Context): readonly number[] => [10, million / 100, million];
const linearLimit = 10_000;

interface Contender {
  readonly name: string;
  readonly target: Target;
  readonly firewall: Firewall;
  readonly addresses: number;
}

/** Floods one target for a while. @returns packets that its firewall dropped, each second */
async function measure({ flood, seconds, say }: Context, contender: Contender): Promise<number> {
  const { name, target, firewall, addresses } = contender;
  const [before, countedBefore] = [await target.counts(), await firewall.packets()];
  const core = String(cpus().length - 1);
  const { stdout } = await run(flood, [
    target.device,
    target.mac,
    target.address,
    String(addresses),
    String(seconds),
    core,
  ]);
  const [after, countedAfter] = [await target.counts(), await firewall.packets()];
  const [sent = 0, elapsed = 0] = stdout.split(' ').map(Number);
  const dropped = after.received - before.received - (after.delivered - before.delivered);
  const counted = countedAfter - countedBefore;
  check(dropped > 0 && dropped <= sent, `${name}: ${dropped} of ${sent} packets were dropped`);
  check(after.delivered - before.delivered < 100, `${name}: ${after.delivered - before.delivered} packets got through`);
  check(Math.abs(counted - dropped) <= 100, `${name}: ${dropped} packets were dropped, its counters say ${counted}`);
  say(`flood: ${name}: ${amount(dropped / elapsed, 'packets/s')}`);
  return dropped / elapsed;
}

/** Packets that one core drops in a second, out of a flood from many blocked addresses. */
export const flood: Bench = async (context) => {
  const targets: Target[] = [];
  const contenders: Contender[] = [];
  try {
    for (const addresses of sizesOf(context)) {
      for (const [kind, make] of Object.entries(firewalls)) {
        if (kind === 'linear iptables' && addresses > linearLimit) continue;
        if (kind.startsWith('rfw') && context.backend !== 'nftables') continue;
        const target = await Target.make(basename(context.folder), targets.length);
        targets.push(target);
        const firewall = await make(target, addresses, context);
        contenders.push({ name: nameOf(kind, addresses), target, firewall, addresses });
      }
    }
    const work = Object.fromEntries(contenders.map((one) => [one.name, () => measure(context, one)]));
    const samples = await interleaved(context.repetitions, work);
    return findings(
      context,
      seriesOf('packets/s', samples, (rate) => rate),
    );
  } finally {
    for (const { firewall } of contenders) await firewall.end();
    for (const target of targets) await target.remove();
  }
};

function nameOf(kind: string, addresses: number): string {
  return `${kind}, ${addresses}`;
}

function findings(context: Context, series: readonly Series[]): Findings {
  const sizes = sizesOf(context);
  const of = (kind: string, addresses: number): Series | undefined =>
    series.find(({ name }) => name === nameOf(kind, addresses));
  const rate = (kind: string, addresses: number): number => median(of(kind, addresses)?.values ?? []);
  const rows = sizes.map((addresses): Row => {
    const others = [
      of('rfw without counters', addresses),
      of('hand-written nft', addresses),
      of('linear iptables', addresses),
    ].filter((one) => one !== undefined);
    const beside = others
      .map(describe)
      .concat(addresses > linearLimit ? ['linear iptables: not feasible'] : [])
      .join('; ');
    const work = `packets dropped, flood from ${addresses} addresses`;
    if (context.backend !== 'nftables') return { work, result: 'rivals only', target: '', met: undefined, beside };
    const ratio = rate('rfw', addresses) / rate('hand-written nft', addresses);
    const result = `${amount(rate('rfw', addresses), 'packets/s')}, ${times(ratio)} hand-written`;
    return { work, result, target: 'at least 0.95 × hand-written', met: ratio >= 0.95, beside };
  });
  const [few = 0, , many = 0] = sizes;
  const kind = context.backend === 'nftables' ? 'rfw' : 'hand-written nft';
  const flat = rate(kind, many) / rate(kind, few);
  const work = `packets dropped at ${many}, against ${few}${kind === 'rfw' ? '' : `: ${kind}`}`;
  const beside = `hand-written nft ${times(rate('hand-written nft', many) / rate('hand-written nft', few))}`;
  return {
    series,
    rows: [...rows, { work, result: times(flat), target: 'at least 0.85 ×', met: flat >= 0.85, beside }],
  };
}
