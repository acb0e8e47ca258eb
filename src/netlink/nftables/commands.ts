import type { Codec, ValueOf } from '../codec.ts';
import { EncodeError } from '../errors.ts';
import type { Message, Reply } from '../message.ts';
import { body, Flag, readFamily } from '../message.ts';
import { attributes } from '../wire.ts';
import type { FamilyName } from './constants.ts';
import { Family, ObjectType, SetFlag, subsystem, Type } from './constants.ts';
import type { ElementList } from './elements.ts';
import { writtenElementList } from './elements.ts';
import type { Expression } from './expressions.ts';
import type { ElementAttributes } from './objects.ts';
import { chain, elementList, generation, object, rule, set, table } from './objects.ts';

// Requests of nf_tables, as plain messages. Each says what nft would call it, which is what errors repeat.

/** Which table. */
export interface TableName {
  readonly family: FamilyName;
  readonly name: string;
}

/** What a base chain adds to a chain: where packets come from. */
export interface BaseChain {
  /** A Hook. */
  readonly hook: number;
  /** Lower sees a packet first; `filter` is 0. */
  readonly priority: number;
  /** A Verdict, for packets that reach the end. */
  readonly policy: number;
  readonly type: 'filter' | 'route' | 'nat';
}

export interface SetSpec {
  /** A KeyType, for those who list the set. */
  readonly keyType: number;
  /** Bytes. */
  readonly keyLength: number;
  /** Bits of SetFlag. */
  readonly flags?: number;
  /** Milliseconds that an element lives when it says nothing itself. */
  readonly timeout?: number;
  /** The most elements that the set takes. */
  readonly size?: number;
  /** Every element counts the packets that match it. */
  readonly counters?: boolean;
}

/** The expressions of a rule: single ones and groups, in the order in which the kernel goes through them. */
export type Statements = readonly (Expression | readonly Expression[])[];

function message<T>(
  [type, flags]: readonly [type: number, flags: number],
  family: FamilyName,
  operation: string,
  codec: Codec<T>,
  value: T,
): Message {
  return { operation, type: (subsystem << 8) | type, flags, family: Family[family], body: body(codec, value) };
}

/**
 * User data that nft shows as `comment "..."` on a table, a chain, a rule or an element. NFTNL_UDATA_*_COMMENT, 0 for
 * these four, in libnftnl's udata.h: type, length, text with NUL. nft itself allows 128 characters.
 */
export function comment(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  if (encoded.length > 128) throw new EncodeError(`a comment of ${encoded.length} bytes, where nft shows 128`);
  return Uint8Array.of(0, encoded.length + 1, ...encoded, 0);
}

const called = ({ family, name }: TableName, ...rest: readonly string[]): string => [family, name, ...rest].join(' ');

/**
 * `add table`. `flags` are bits of TableFlag; with owner and persist it claims a table that lost its owner.
 * Like nft it asks for no NLM_F_CREATE: the kernel creates a table in any case.
 */
export function addTable(of: TableName, flags = 0): Message {
  return message([Type.newTable, 0], of.family, `add table ${called(of)}`, table, { name: of.name, flags });
}

/** `delete table`, with all that is in it. */
export function deleteTable(of: TableName): Message {
  return message([Type.deleteTable, 0], of.family, `delete table ${called(of)}`, table, { name: of.name });
}

/** `destroy table`: no error when there is none. Linux 6.3 */
export function destroyTable(of: TableName): Message {
  return message([Type.destroyTable, 0], of.family, `destroy table ${called(of)}`, table, { name: of.name });
}

/** `add chain`; with a base, one that packets come to by themselves. */
export function addChain(of: TableName, name: string, base?: BaseChain): Message {
  const hooked = base && {
    type: base.type,
    policy: base.policy,
    hook: { number: base.hook, priority: base.priority },
  };
  const value = { table: of.name, name, ...hooked };
  return message([Type.newChain, Flag.create], of.family, `add chain ${called(of, name)}`, chain, value);
}

/** `delete chain`: EBUSY while it holds rules or one jumps to it. */
export function deleteChain(of: TableName, name: string): Message {
  return message([Type.deleteChain, 0], of.family, `delete chain ${called(of, name)}`, chain, { table: of.name, name });
}

/** `flush chain`: deletes its rules. */
export function flushChain(of: TableName, name: string): Message {
  const value = { table: of.name, chain: name };
  return message([Type.deleteRule, 0], of.family, `flush chain ${called(of, name)}`, rule, value);
}

export interface RuleOptions {
  /** The handle of the rule to stand next to: after it when adding, before it when inserting. */
  readonly position?: bigint;
  /** See `comment`. */
  readonly userData?: Uint8Array;
}

/** `add rule`: at the end of the chain. */
export function addRule(of: TableName, name: string, statements: Statements, options: RuleOptions = {}): Message {
  const value = { table: of.name, chain: name, expressions: statements.flat(), ...options };
  const flags = Flag.create | Flag.append;
  return message([Type.newRule, flags], of.family, `add rule ${called(of, name)}`, rule, value);
}

/** `insert rule`: at the head of the chain. */
export function insertRule(of: TableName, name: string, statements: Statements, options: RuleOptions = {}): Message {
  const value = { table: of.name, chain: name, expressions: statements.flat(), ...options };
  return message([Type.newRule, Flag.create], of.family, `insert rule ${called(of, name)}`, rule, value);
}

/** `replace rule`: another in the same place. */
export function replaceRule(of: TableName, name: string, handle: bigint, statements: Statements): Message {
  const value = { table: of.name, chain: name, handle, expressions: statements.flat() };
  const operation = `replace rule ${called(of, name)} handle ${handle}`;
  return message([Type.newRule, Flag.replace], of.family, operation, rule, value);
}

/** `delete rule` */
export function deleteRule(of: TableName, name: string, handle: bigint): Message {
  const operation = `delete rule ${called(of, name)} handle ${handle}`;
  return message([Type.deleteRule, 0], of.family, operation, rule, { table: of.name, chain: name, handle });
}

/** nftnl_udata_set_types in libnftnl's udata.h: the byte order in which nft shows the keys; 2 is big endian. */
const bigEndianKeys = Uint8Array.of(0, 4, ...new Uint8Array(Uint32Array.of(2).buffer));

/** The kernel wants an id for every new set, to tell apart those of one batch that rules refer to by id: none here. */
const unusedSetId = 1;

/** `add set` */
export function addSet(of: TableName, name: string, spec: SetSpec): Message {
  const { keyType, keyLength, flags = 0, timeout, size, counters = false } = spec;
  const count = { name: 'counter', data: {} } as const;
  const value = {
    table: of.name,
    name,
    flags: flags | (timeout === undefined ? 0 : SetFlag.timeout),
    keyType,
    keyLength,
    id: unusedSetId,
    description: size === undefined ? undefined : { size },
    timeout: timeout === undefined ? undefined : BigInt(timeout),
    userData: bigEndianKeys,
    expression: counters ? count : undefined,
  };
  return message([Type.newSet, Flag.create], of.family, `add set ${called(of, name)}`, set, value);
}

/** `delete set`: EBUSY while a rule looks it up. */
export function deleteSet(of: TableName, name: string): Message {
  return message([Type.deleteSet, 0], of.family, `delete set ${called(of, name)}`, set, { table: of.name, name });
}

/** `flush set`: deletes its elements. */
export function flushSet(of: TableName, name: string): Message {
  const value = { table: of.name, set: name };
  return message([Type.deleteElement, 0], of.family, `flush set ${called(of, name)}`, elementList, value);
}

const written = attributes(writtenElementList);

function elementMessages(
  kind: readonly [number, number],
  verb: string,
  of: TableName,
  name: string,
  list: ElementList,
) {
  const operation = `${verb} element ${called(of, name)}`;
  return Array.from(list.attributes(), (elements): Message => {
    const plain = message(kind, of.family, operation, written, { table: of.name, set: name, elements });
    return { ...plain, body: { ...plain.body, locate: elementList.locate ?? plain.body.locate } };
  });
}

/**
 * `add element`, in as many messages as it takes. They hold views of the list, which must not change until they are
 * sent. An element that exists already stays as it is, or since Linux 6.12 takes the new timeout.
 */
export function addElements(of: TableName, name: string, list: ElementList): Message[] {
  return elementMessages([Type.newElement, Flag.create], 'add', of, name, list);
}

/** The same for elements with whatever an element can have, by the tables: for a few. */
export function addFullElements(of: TableName, name: string, elements: readonly ElementAttributes[]): Message {
  const value = { table: of.name, set: name, elements };
  return message([Type.newElement, Flag.create], of.family, `add element ${called(of, name)}`, elementList, value);
}

/** `create element`: EEXIST when one is there already. */
export function createElements(of: TableName, name: string, list: ElementList): Message[] {
  return elementMessages([Type.newElement, Flag.create | Flag.exclusive], 'create', of, name, list);
}

/** `delete element`: ENOENT when one isn't there. */
export function deleteElements(of: TableName, name: string, list: ElementList): Message[] {
  return elementMessages([Type.deleteElement, 0], 'delete', of, name, list);
}

/** `destroy element`: no error for those that aren't there. Linux 6.3 */
export function destroyElements(of: TableName, name: string, list: ElementList): Message[] {
  return elementMessages([Type.destroyElement, 0], 'destroy', of, name, list);
}

/** `get element`: for `Connection.request`, which then returns one reply an element; ENOENT when one isn't there. */
export function getElements(of: TableName, name: string, list: ElementList): Message[] {
  return elementMessages([Type.getElement, 0], 'get', of, name, list);
}

/** `add counter`: one that rules refer to by name. One that is there keeps its counts. */
export function addCounter(of: TableName, name: string): Message {
  const value = { table: of.name, name, type: ObjectType.counter, data: {} };
  return message([Type.newObject, Flag.create], of.family, `add counter ${called(of, name)}`, object, value);
}

/** `delete counter`: EBUSY while a rule counts in it. */
export function deleteCounter(of: TableName, name: string): Message {
  const value = { table: of.name, name, type: ObjectType.counter };
  return message([Type.deleteObject, 0], of.family, `delete counter ${called(of, name)}`, object, value);
}

/** `list counters`, for `dump`: those of a table. */
export function listCounters(of: TableName): Message {
  const value = { table: of.name, type: ObjectType.counter };
  return message([Type.getObject, 0], of.family, `list counters ${called(of)}`, object, value);
}

/** `list table`, its flags and its owner: for `Connection.request`. ENOENT when there is none. */
export function getTable(of: TableName): Message {
  return message([Type.getTable, 0], of.family, `list table ${called(of)}`, table, { name: of.name });
}

/** `list set` without its elements: for `Connection.request`. */
export function getSet(of: TableName, name: string): Message {
  return message([Type.getSet, 0], of.family, `list set ${called(of, name)}`, set, { table: of.name, name });
}

/** `list tables`, for `dump`: those of one family. */
export function listTables(family: FamilyName): Message {
  return message([Type.getTable, 0], family, `list tables ${family}`, table, {});
}

/** `list chains`, for `dump`: those of all tables of the family; the kernel takes no table here. */
export function listChains(family: FamilyName): Message {
  return message([Type.getChain, 0], family, `list chains ${family}`, chain, {});
}

/** Rules of a table, or of one chain, for `dump`. */
export function listRules(of: TableName, name?: string): Message {
  const operation = `list rules ${called(of, ...(name === undefined ? [] : [name]))}`;
  return message([Type.getRule, 0], of.family, operation, rule, { table: of.name, chain: name });
}

/** `list sets`, for `dump`: those of a table, without their elements. */
export function listSets(of: TableName): Message {
  return message([Type.getSet, 0], of.family, `list sets ${called(of)}`, set, { table: of.name });
}

/**
 * Elements of a set, for `dump`, which is slow for many: see there. A hash set without a declared `size` is rehashed by
 * the kernel some time after it grew or shrank (rhashtable), which isn't a new generation: a dump at that moment can
 * repeat elements and leave others out, and nothing says so. What must be certain is asked for with `getElements`.
 */
export function listElements(of: TableName, name: string): Message {
  const value = { table: of.name, set: name };
  return message([Type.getElement, 0], of.family, `list set ${called(of, name)}`, elementList, value);
}

/** The number of the ruleset in force: for `Connection.request`. */
export function getGeneration(): Message {
  return { ...message([Type.getGeneration, 0], 'inet', 'list generation', generation, {}), family: 0 };
}

/** An object out of a reply or a notification. Throws DecodeError. */
export function read<C extends Codec<unknown>>(codec: C, reply: Reply): ValueOf<C> {
  // The codec reads its own values, which is what the type says.
  return codec.read(readFamily(reply).attributes) as ValueOf<C>;
}

/** The elements out of replies to getElements or listElements, in their order. Throws DecodeError. */
export function readElements(replies: readonly Reply[]): ElementAttributes[] {
  return replies.flatMap((reply) => read(elementList, reply).elements ?? []);
}
