import { runIn } from './network.fixture.ts';

/** The two programs of Debian that rfw works with. */
export const variants = ['iptables-nft', 'iptables-legacy'] as const;
export type Variant = (typeof variants)[number];

/** Reads and changes the filter table as an operator does. */
export class Firewall {
  readonly #namespace: string;
  readonly #programs: readonly [string, string];

  constructor(namespace: string, variant: Variant = 'iptables-nft') {
    this.#namespace = namespace;
    this.#programs = [variant, variant.replace('ip', 'ip6')];
  }

  /** The rules of both families as `-S` shows them, top to bottom, the IPv4 ones first; without policies. */
  async rules(): Promise<string[]> {
    return [...(await this.rulesOf(4)), ...(await this.rulesOf(6))];
  }

  /** @param chain in capitals; all of them when it is left out */
  async rulesOf(family: 4 | 6, chain?: string): Promise<string[]> {
    const program = this.#programs[family === 4 ? 0 : 1];
    const { status, stdout, stderr } = await runIn(
      this.#namespace,
      program,
      '-S',
      ...(chain === undefined ? [] : [chain]),
    );
    if (status !== 0) throw new Error(`${program} -S: ${stderr}`);
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('-P'));
  }

  /** Runs iptables, or ip6tables, with the words of the line. */
  async change(family: 4 | 6, line: string): Promise<void> {
    const program = this.#programs[family === 4 ? 0 : 1];
    const { status, stderr } = await runIn(this.#namespace, program, '-w', ...line.split(' '));
    if (status !== 0) throw new Error(`${program} ${line}: ${stderr}`);
  }
}
