import { runIn } from './network.fixture.ts';

export interface Answer {
  /** Of curl: 0 done, 7 could not connect, 28 timed out, 35 no TLS, 60 untrusted certificate. */
  readonly exit: number | null;
  /** 0 when there was no answer. */
  readonly code: number;
  readonly body: string;
  readonly milliseconds: number;
}

/** What happened to a rule, as PUT and DELETE answer it. */
export interface Outcome {
  readonly status: 'created' | 'exists' | 'updated' | 'deleted' | 'absent';
  readonly rule: { readonly createdAt?: string; readonly expiresAt?: string | null };
}

/** Runs curl in a namespace. It gives up after 10 seconds, or what `--max-time` in the arguments says. */
export async function curl(namespace: string, ...args: string[]): Promise<Answer> {
  const defaults = ['--silent', '--show-error', '--globoff', '--max-time', '10', '--write-out', '\n%{http_code}'];
  const { status, stdout, milliseconds } = await runIn(namespace, 'curl', ...defaults, ...args);
  const end = stdout.lastIndexOf('\n');
  return { exit: status, code: Number(stdout.slice(end + 1)), body: stdout.slice(0, Math.max(end, 0)), milliseconds };
}

export function outcomeOf({ body }: { readonly body: string }): Outcome {
  return JSON.parse(body) as Outcome;
}
