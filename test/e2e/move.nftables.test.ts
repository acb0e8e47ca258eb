import { mkdirSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { moves } from './move.fixture.ts';
import { Network } from './network.fixture.ts';
import { iptables, nftables } from './place.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';

const network = new Network();
const program = new Program();

afterAll(async () => {
  await network.close();
  program.remove();
});

for (const variant of ['iptables-nft', 'iptables-legacy'] as const) {
  moves((namespace) => iptables(namespace, variant), nftables);
}

it('auto takes nftables where there is no iptables, and says why', async () => {
  const namespace = await network.namespace('auto');
  const empty = program.fresh('empty');
  mkdirSync(empty);
  const daemon = new Daemon({ program, namespace });
  try {
    const running = daemon.launch([
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount --bind ${empty} /usr/sbin && exec "$@"`,
      'sh',
    ]);
    await until('the daemon is ready', () => running.stdout.includes('\nTry\n'));
    expect(running.stdout).toMatch(
      /backend {3}.*nf_?tables.* \(firewall\.backend is auto, and iptables does not work here: Could not find iptables/,
    );
    await daemon.put('/drop/input/any/198.18.0.1');
    expect(await nftables(namespace).held()).toEqual(['table inet rfw']);
  } finally {
    await daemon.kill();
    await daemon.flush();
  }
});
