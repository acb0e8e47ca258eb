import { describe, expect, it } from 'vitest';
import { requireNetAdmin } from './privileges.ts';

/** As proc(5) shows it. */
const status = (effective: string): string =>
  `Name:\tnode\nCapInh:\t0000000000000000\nCapPrm:\tffffffffffffffff\nCapEff:\t${effective}\nCapBnd:\tffffffffffffffff\n`;

describe('requireNetAdmin', () => {
  it.each(['000001ffffffffff', '0000000000001000', 'ffffffffffffffff'])('takes the capabilities %s', (effective) => {
    expect(() => requireNetAdmin(status(effective))).not.toThrow();
  });

  it.each(['0000000000000000', '000001ffffffefff', '0000000000000c00'])('refuses the capabilities %s', (effective) => {
    expect(() => requireNetAdmin(status(effective))).toThrow(
      expect.objectContaining({
        name: 'RfwError',
        code: 'kernel-unavailable',
        message:
          'rfw needs the right to change the firewall (CAP_NET_ADMIN): run it as root, for example with sudo, or try it without a kernel with --backend memory',
      }),
    );
  });

  it('refuses when there is nothing to read', () => {
    expect(() => requireNetAdmin('')).toThrow('CAP_NET_ADMIN');
  });
});
