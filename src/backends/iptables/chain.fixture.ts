/** One line of a simulated chain; two lines may say the same, but each is itself. */
export interface Entry {
  readonly args: string;
}

/**
 * Does what iptables-restore does to one chain: `-D CHAIN args` takes out the first equal line, `-I CHAIN [n] args` puts
 * one in at place n, or at the head. It refuses what iptables refuses.
 */
export function applyCommands(chain: string, entries: readonly Entry[], commands: readonly string[]): Entry[] {
  const result = [...entries];
  for (const command of commands) {
    const [, option, name, place, args = ''] = /^-([DI]) (\S+)(?: (\d+))? (.+)$/.exec(command) ?? [];
    if (name !== chain) throw new Error(`Another chain: ${command}`);
    if (option === 'D') {
      if (place !== undefined) throw new Error(`A deletion by number: ${command}`);
      const index = result.findIndex((entry) => entry.args === args);
      if (index < 0) throw new Error(`Bad rule (does a matching rule exist in that chain?): ${command}`);
      result.splice(index, 1);
    } else {
      const index = Number(place ?? 1) - 1;
      if (index < 0 || index > result.length) throw new Error(`Index of insertion too big: ${command}`);
      result.splice(index, 0, { args });
    }
  }
  return result;
}
