import { type Static, Type } from 'typebox';
import type { Prefix } from '../../domain/address.ts';
import { asRfwError, RfwError } from '../../domain/errors.ts';
import type { AskedCommand, PutCommand } from '../../engine/decide.ts';
import { ownOnly, type Principal, refuseBeyondLimits, usualTtl } from '../access/principal.ts';
import { RequestError } from '../errors.ts';
import { sentence } from './parameters.ts';
import { lifetimeOf, secondsOf, specOfInput } from './rule-json.ts';
import { closed, RuleInput } from './schemas.ts';
import { checkOf, inBody } from './validation.ts';

export const BatchItem = closed(
  {
    op: Type.Optional(Type.Enum(['put', 'delete'], { default: 'put', description: 'What is done with the rule' })),
    ...RuleInput.properties,
  },
  {
    $id: 'BatchItem',
    description: 'A rule to put, as POST /v1/rules takes it, or to delete; that has no ttl, expiresAt or comment',
  },
);
export type BatchItem = Static<typeof BatchItem>;

const check = checkOf(BatchItem);

/** An item that is refused before the engine sees it. */
export interface RefusedItem {
  /** The number of its line, or its place among the items. */
  readonly place: number;
  readonly error: RfwError;
}

/** Items that were read one after the other, and what they ask for. */
export class ItemChunk {
  readonly commands: AskedCommand[] = [];
  /** Where the item of each command stood. */
  readonly places: number[] = [];
  readonly refused: RefusedItem[] = [];

  get length(): number {
    return this.commands.length + this.refused.length;
  }

  /** Where the last item stood; 0 when there is none. */
  get lastPlace(): number {
    return Math.max(this.places.at(-1) ?? 0, this.refused.at(-1)?.place ?? 0);
  }

  add(place: number, command: AskedCommand): void {
    this.commands.push(command);
    this.places.push(place);
  }

  refuse(place: number, error: unknown): void {
    this.refused.push({ place, error: asRfwError(error) });
  }

  /** Adds what an item asks for, or why it is refused. */
  attempt(place: number, command: () => AskedCommand): void {
    try {
      this.add(place, command());
    } catch (error) {
      if (!(error instanceof RfwError)) throw error;
      this.refuse(place, error);
    }
  }

  append({ commands, places, refused }: ItemChunk): void {
    for (const [index, command] of commands.entries()) this.add(places[index] ?? 0, command);
    for (const one of refused) this.refused.push(one);
  }
}

/** Makes commands of the items of one request. */
export class ItemReader {
  readonly #principal: Principal;
  readonly #usualTtl: number;
  readonly #origin: string;
  readonly #ownOnly: boolean;

  /** @param defaultExpire seconds that a rule lasts which doesn't say how long */
  constructor(principal: Principal, defaultExpire: number) {
    this.#principal = principal;
    this.#usualTtl = usualTtl(principal, defaultExpire);
    this.#origin = principal.name;
    this.#ownOnly = ownOnly(principal);
  }

  /** What an item asks for. @param value of JSON @throws RfwError that says what is wrong with it, or not allowed */
  read(value: unknown): AskedCommand {
    const errors = inBody(check(value));
    if (errors.length > 0) throw new RequestError('request-invalid', sentence('field', errors), errors);
    return this.command(value as BatchItem);
  }

  /** The same for an item that is known to be one. */
  command(item: BatchItem): AskedCommand {
    const asked = { spec: specOfInput(item), origin: this.#origin, ownOnly: this.#ownOnly };
    if (item.op === 'delete') {
      requireBare(item);
      return this.#allowed({ kind: 'delete', ...asked });
    }
    const { comment } = item;
    const expire = lifetimeOf(item) ?? this.#usualTtl;
    return this.#allowed({ kind: 'put', ...asked, expire, ...(comment !== undefined && { comment }) });
  }

  /** The same for another address. @param command whose rule has an address on one side @throws RfwError */
  withAddress(command: AskedCommand, address: Prefix): AskedCommand {
    const { spec, origin, ownOnly: own = false } = command;
    const { action, chain, in: into, out } = spec;
    const side =
      spec.source === 'any'
        ? ({ source: 'any', destination: address } as const)
        : ({ source: address, destination: 'any' } as const);
    // Field by field: a spread takes several times as long, a million times.
    const asked = { action, chain, in: into, out, source: side.source, destination: side.destination };
    if (command.kind !== 'put') return this.#allowed({ kind: 'delete', spec: asked, origin, ownOnly: own });
    const { expire, comment } = command;
    const put: PutCommand =
      comment === undefined
        ? { kind: 'put', spec: asked, origin, ownOnly: own, expire }
        : { kind: 'put', spec: asked, origin, ownOnly: own, expire, comment };
    return this.#allowed(put);
  }

  #allowed(command: AskedCommand): AskedCommand {
    const ttl = command.kind === 'put' ? secondsOf(command.expire, Date.now()) : 'unchanged';
    refuseBeyondLimits(this.#principal, command.spec, ttl);
    return command;
  }
}

/** @throws RequestError when a deletion says something that has no meaning there */
function requireBare(item: BatchItem): void {
  for (const name of ['ttl', 'expiresAt', 'comment'] as const) {
    if (item[name] === undefined) continue;
    const errors = [{ pointer: `/${name}`, message: 'has no meaning in a deletion' }];
    throw new RequestError('request-invalid', sentence('field', errors), errors);
  }
}
