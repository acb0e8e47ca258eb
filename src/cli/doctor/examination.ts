import { version } from '../../domain/version.ts';
import { type Api, exitOf } from '../api.ts';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';
import { formatSeconds } from '../output/time.ts';
import { counted } from '../output/words.ts';
import { formatEndpoint, type Target } from '../target/endpoint.ts';
import { certificateOf } from './certificate.ts';

/** Something that was looked at. */
export interface Check {
  readonly name: 'connection' | 'certificate' | 'clock' | 'rights' | 'state' | 'backend' | 'version';
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was found, and what to do where it isn't well. */
  readonly message: string;
  /** How the run ends for which this is the first that failed. */
  readonly exit?: ExitCode;
}

/** Seconds by which clocks may differ before that is told, and before it counts as wrong. */
const clockDifference = { warn: 2, fail: 60 } as const;

/** Days before the end of a certificate in which that is told. */
const certificateDays = 30;

/**
 * Looks at one daemon, one thing after the other, as far as that is possible.
 * @param patience how long it has to answer, in milliseconds
 * @param now milliseconds since the epoch
 */
export async function examine(
  api: Api,
  target: Target,
  patience: number,
  now: () => number,
): Promise<readonly Check[]> {
  const checks: Check[] = [];
  if (target.endpoint.kind === 'https') checks.push(await certificate(target, patience, now()));
  const connection = await connect(api, target, now);
  checks.push(...connection);
  if (connection.some(({ state, name }) => state === 'fail' && name === 'connection')) return checks;
  checks.push(await rights(api), await state(api), ...(await status(api)));
  return checks;
}

async function certificate(target: Target, patience: number, now: number): Promise<Check> {
  const found = await certificateOf(target, patience);
  if ('failure' in found)
    return { name: 'certificate', state: 'fail', message: found.failure, exit: exitCodes.unreachable };
  const days = Math.floor((found.validTo - now) / 86_400_000);
  const until = `${new Date(found.validTo).toISOString().slice(0, 10)}, in ${days} days`;
  const what = `of ${found.subject}, by ${found.issuer}, valid until ${until}`;
  if (days < certificateDays)
    return { name: 'certificate', state: 'warn', message: `${what}: make a new one with rfwgen` };
  return { name: 'certificate', state: 'ok', message: what };
}

/** Whether somebody answers, whether that is rfw, and how its clock is. */
async function connect(api: Api, target: Target, now: () => number): Promise<readonly Check[]> {
  const where = formatEndpoint(target.endpoint);
  const began = now();
  try {
    const { value, headers } = await api.answer('getLive');
    if (typeof value !== 'object')
      return [fail('connection', `${where} answers, but is no rfw of today`, exitCodes.unreachable)];
    const ended = now();
    const connection: Check = { name: 'connection', state: 'ok', message: `${where} answers in ${ended - began} ms` };
    return [connection, clock(Date.parse(headers.date ?? ''), (began + ended) / 2)];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.exit !== exitCodes.forbidden) return [fail('connection', error.message, error.exit)];
    // What it says of the credentials comes with the rights.
    return [{ name: 'connection', state: 'ok', message: `${where} answers in ${now() - began} ms` }];
  }
}

/** A date of HTTP has no parts of seconds: what it says was half a second ago, in the middle. */
function clock(theirs: number, ours: number): Check {
  if (Number.isNaN(theirs)) return { name: 'clock', state: 'warn', message: 'the answer has no date to compare with' };
  const seconds = (theirs + 500 - ours) / 1000;
  const apart = Math.abs(seconds);
  if (apart < clockDifference.warn) return { name: 'clock', state: 'ok', message: 'goes as the one here' };
  const direction = seconds > 0 ? 'ahead of' : 'behind';
  const message = `is ${formatSeconds(apart)} ${direction} the one here: times that are said as instants mean something else there. Use NTP on both`;
  return apart < clockDifference.fail
    ? { name: 'clock', state: 'warn', message }
    : fail('clock', message, exitCodes.negative);
}

/** Questions that change nothing, by the scope that each needs. */
const questions = [
  ['rules:read', (api: Api) => api.call('listRules', { query: { limit: 1, counters: false } })],
  ['lists:read', (api: Api) => api.call('listLists', { query: { limit: 1 } })],
  ['audit:read', (api: Api) => api.call('listAudit', { query: { limit: 1 } })],
  ['admin', (api: Api) => api.call('listTokens')],
] as const;

async function rights(api: Api): Promise<Check> {
  const may: string[] = [];
  let refusal: Failure | undefined;
  for (const [scope, ask] of questions) {
    try {
      await ask(api);
      may.push(scope);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      refusal ??= error;
    }
  }
  if (may.includes('admin')) return { name: 'rights', state: 'ok', message: 'everything (admin)' };
  if (may.length > 0) return { name: 'rights', state: 'ok', message: `of reading: ${may.join(', ')}` };
  const advice = {
    unauthenticated: 'log in with --user, --token or --cert',
    'not-whitelisted': 'have your address put into the whitelist of that host',
  }[refusal?.code ?? ''];
  return fail(
    'rights',
    `${refusal?.message ?? 'none'}${advice === undefined ? '' : `: ${advice}`}`,
    refusal?.exit ?? exitCodes.forbidden,
  );
}

async function state(api: Api): Promise<Check> {
  try {
    await api.call('getReady');
    return { name: 'state', state: 'ok', message: 'ready: the kernel holds the rules' };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return fail('state', `${error.message}. The log of rfw on that host says more`, exitOf(error.code ?? '', 503));
  }
}

async function status(api: Api): Promise<readonly Check[]> {
  try {
    const found = await api.call('getStatus');
    const { summary, shortcomings } = found.capabilities;
    const same = found.version === version;
    return [
      {
        name: 'backend',
        state: 'ok',
        message: `${summary}; ${counted(found.rules, 'rule')}, ${counted(found.lists, 'list')}`,
      },
      ...shortcomings.map((message): Check => ({ name: 'backend', state: 'warn', message })),
      {
        name: 'version',
        state: same ? 'ok' : 'warn',
        message: same ? found.version : `${found.version} there and ${version} here: bring both to the newer one`,
      },
    ];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [{ name: 'backend', state: 'warn', message: `can't be seen with these rights: ${error.message}` }];
  }
}

function fail(name: Check['name'], message: string, exit: ExitCode): Check {
  return { name, state: 'fail', message, exit };
}
