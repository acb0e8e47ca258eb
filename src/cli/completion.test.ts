import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runRfwc } from './cli.fixture.ts';

async function script(shell: string): Promise<string> {
  const { exit, out, err } = await runRfwc(['completion', shell]);
  expect([exit, err]).toEqual([0, '']);
  return out;
}

/** What bash offers for the last of the words. */
async function offered(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const asked = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _rfwc; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `${await script('bash')}\n${asked}`], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.trim().split('\n');
}

describe('the completion of bash', () => {
  it('offers commands, those below them, options and what they may be', async () => {
    expect(await offered('rfwc', 'bl')).toEqual(['block']);
    expect(await offered('rfwc', 'list', 'p')).toEqual(['put']);
    expect(await offered('rfwc', '-H', 'https://x', 'token', '')).toEqual(
      expect.arrayContaining(['ls', 'create', 'revoke']),
    );
    expect(await offered('rfwc', 'block', '--re')).toEqual(['--reason', '--retry']);
    expect(await offered('rfwc', 'ls', '--chain', '')).toEqual(['input', 'output', 'forward']);
    expect(await offered('rfwc', '-o', 'j')).toEqual(['json']);
    expect(await offered('rfwc', 'ls', '--cacert', '/etc/host')).toContain('/etc/hostname');
    expect(await offered('rfwc', 'import', '/etc/hostn')).toEqual(['/etc/hostname']);
  });
});

describe('the scripts of others', () => {
  it('have every command and option', async () => {
    const names = (await runRfwc(['--help'])).out.match(/(?<=^ {2})[a-z]+(?= )/gm) ?? [];
    expect(names.length).toBeGreaterThan(15);
    const fish = await script('fish');
    const zsh = await script('zsh');
    for (const name of names.filter((each) => each !== 'help')) {
      expect(fish).toMatch(new RegExp(`-a ${name} -d '`));
      expect(zsh).toContain(`'${name}') path=`);
    }
    expect(zsh.startsWith('#compdef rfwc\n')).toBe(true);
    expect(fish).toContain("complete -c rfwc -n '__fish_seen_subcommand_from block' -l for -x -d ");
  });

  it('are of known shells only', async () => {
    expect((await runRfwc(['completion', 'tcsh'])).exit).toBe(2);
  });
});
