import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Daemon } from './daemon.fixture.ts';
import { variants } from './firewall.fixture.ts';
import { Network } from './network.fixture.ts';
import { connect, EchoServers, mustPass, ping, probe } from './probe.fixture.ts';
import { until } from './process.fixture.ts';
import { Program } from './program.fixture.ts';

const network = new Network();
const servers = new EchoServers();
const program = new Program();

/** The client is joined to the host by two links, the server by a third; between them the host forwards. */
const families = [
  {
    name: 'IPv4',
    client: '10.77.1.2',
    host: '10.77.1.1',
    secondHost: '10.77.2.1',
    server: '10.77.4.2',
    net: '10.77.1.0/24',
    wide: '10.77.0.0/16',
  },
  {
    name: 'IPv6',
    client: 'fd77:0:0:1::2',
    host: 'fd77:0:0:1::1',
    secondHost: 'fd77:0:0:2::1',
    server: 'fd77:0:0:4::2',
    net: 'fd77:0:0:1::/64',
    wide: 'fd77::/48',
  },
] as const;
type Family = (typeof families)[number];

let client = '';
let host = '';
let server = '';

beforeAll(async () => {
  client = await network.namespace('client');
  host = await network.namespace('host');
  server = await network.namespace('server');
  await network.link(
    { namespace: client, device: 'eth0', addresses: ['10.77.1.2/24', 'fd77:0:0:1::2/64'] },
    { namespace: host, device: 'veth0', addresses: ['10.77.1.1/24', 'fd77:0:0:1::1/64'] },
  );
  await network.link(
    { namespace: client, device: 'eth1', addresses: ['10.77.2.2/24', 'fd77:0:0:2::2/64'] },
    { namespace: host, device: 'veth1', addresses: ['10.77.2.1/24', 'fd77:0:0:2::1/64'] },
  );
  await network.link(
    { namespace: server, device: 'eth0', addresses: ['10.77.4.2/24', 'fd77:0:0:4::2/64'] },
    { namespace: host, device: 'lan0', addresses: ['10.77.4.1/24', 'fd77:0:0:4::1/64'] },
  );
  await network.forward(host);
  for (const [namespace, link] of [[client, 1] as const, [server, 4] as const]) {
    await network.route(namespace, `10.77.${link}.1`);
    await network.route(namespace, `fd77:0:0:${link}::1`);
  }
  await Promise.all([client, host, server].map((namespace) => servers.start(namespace)));
});

afterAll(async () => {
  servers.stop();
  await network.close();
  program.remove();
});

describe.each(variants)('with %s', (variant) => {
  let daemon: Daemon;
  const standing = new Set<string>();

  beforeAll(async () => {
    daemon = new Daemon({ program, namespace: host, iptables: variant });
    await daemon.start();
  });

  afterEach(async () => {
    for (const path of standing) await remove(path);
  });

  afterAll(async () => {
    await daemon.stop();
  });

  async function put(path: string): Promise<void> {
    standing.add(path);
    await daemon.put(path);
  }

  async function remove(path: string): Promise<void> {
    await daemon.delete(path);
    standing.delete(path);
  }

  /** Goes through the steps for both families at the same time. */
  async function both(steps: (family: Family) => Promise<void>): Promise<void> {
    await Promise.all(families.map(steps));
  }

  /** Traffic passes, doesn't while the rule stands, and passes when it is deleted. */
  async function blocks(path: string, from: string, to: string): Promise<void> {
    await mustPass(from, to);
    await put(path);
    expect(await probe(from, to), path).toBe('silence/silence');
    await remove(path);
    await mustPass(from, to);
  }

  it('drops what comes in from an address until the rule is deleted', async () => {
    await both(({ client: address, host: target }) => blocks(`/drop/input/any/${address}`, client, target));
  });

  it('drops what goes out to an address until the rule is deleted', async () => {
    await both(({ client: target }) => blocks(`/drop/output/any/${target}`, host, target));
  });

  it('drops what is forwarded between two addresses, and nothing else, until the rule is deleted', async () => {
    await both(async (family) => {
      const path = `/drop/forward/any/${family.client}/any/${family.server}`;
      await mustPass(client, family.server);
      await put(path);
      const met = await Promise.all([probe(client, family.server), probe(client, family.host)]);
      expect(met).toEqual(['silence/silence', 'pass/pass']);
      await remove(path);
      await mustPass(client, family.server);
    });
  });

  it('drops what is forwarded to an address from any other', async () => {
    await both(async (family) => {
      const any = family.name === 'IPv4' ? '0.0.0.0' : '::';
      await blocks(`/drop/forward/veth/${any}/lan0/${family.server}`, client, family.server);
    });
  });

  it('lets traffic pass again when a rule expires, and not before', async () => {
    await both(async (family) => {
      await mustPass(client, family.host);
      const begin = performance.now();
      await put(`/drop/input/any/${family.client}?expire=2`);
      expect(await ping(client, family.host)).toBe('silence');
      await until('pings pass', async () => (await ping(client, family.host)) === 'pass');
      expect(performance.now() - begin).toBeGreaterThan(1900);
      await mustPass(client, family.host);
    });
  });

  it('blocks on the interface that the rule names and not on another', async () => {
    await both(async (family) => {
      await mustPass(client, family.secondHost);
      await put(`/drop/input/veth1/${family.wide}`);
      const met = await Promise.all([probe(client, family.secondHost), probe(client, family.host)]);
      expect(met).toEqual(['silence/silence', 'pass/pass']);
    });
  });

  it('blocks on all interfaces whose names begin as the rule says and not on others', async () => {
    await both(async (family) => {
      await mustPass(client, family.secondHost);
      await put(`/drop/input/veth/${family.wide}`);
      const met = await Promise.all([
        probe(client, family.host),
        probe(client, family.secondHost),
        probe(server, family.host),
      ]);
      expect(met).toEqual(['silence/silence', 'silence/silence', 'pass/pass']);
    });
  });

  it('blocks a whole network and not the one beside it', async () => {
    await both(async (family) => {
      await mustPass(client, family.secondHost);
      await put(`/drop/input/any/${family.net}`);
      const met = await Promise.all([probe(client, family.host), probe(client, family.secondHost)]);
      expect(met).toEqual(['silence/silence', 'pass/pass']);
    });
  });

  it('refuses at once what a reject rule meets', async () => {
    await both(async (family) => {
      await mustPass(client, family.host);
      await put(`/reject/input/any/${family.client}`);
      // Over veth the answer comes while connect(2) still holds the socket, and then IPv6 heeds only that to its second
      // try, one second later.
      const met = await Promise.all([ping(client, family.host), connect(client, family.host, 3)]);
      expect(met, family.name).toEqual(['refusal', 'refusal']);
    });
  });

  it('lets an accept that was put after a drop of a wider network win', async () => {
    await both(async (family) => {
      await put(`/drop/input/any/${family.net}`);
      await put(`/accept/input/any/${family.client}`);
      expect(await probe(client, family.host)).toBe('pass/pass');
      await remove(`/accept/input/any/${family.client}`);
      expect(await probe(client, family.host)).toBe('silence/silence');
    });
  });

  it('lets a drop of a wider network that was put after an accept win', async () => {
    await both(async (family) => {
      await put(`/accept/input/any/${family.client}`);
      await put(`/drop/input/any/${family.net}`);
      expect(await probe(client, family.host)).toBe('silence/silence');
      await put(`/accept/input/any/${family.client}`);
      expect(await probe(client, family.host), 'putting a rule again must not move it').toBe('silence/silence');
    });
  });

  it('lets the older rule take effect again when the newer one expires', async () => {
    await both(async (family) => {
      await put(`/drop/input/any/${family.client}`);
      await put(`/accept/input/any/${family.net}?expire=2`);
      expect(await ping(client, family.host)).toBe('pass');
      await until('pings are blocked again', async () => (await ping(client, family.host)) === 'silence');
    });
  });
});
