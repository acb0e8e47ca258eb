import type { ValueOf } from '../codec.ts';
import { be32, be32Signed, be64, bytes, cstring } from '../codec.ts';
import { attributes, list } from '../wire.ts';
import { counter, data, expression } from './expressions.ts';

// Tables of the objects of nf_tables. Ids: enum nft_*_attributes, linux/netfilter/nf_tables.h of Linux 6.1; what is
// newer names its kernel. Rows stand in the order in which nft sends them.

/** enum nft_table_attributes; 5 is padding. `owner` is the port id of the connection that owns the table. */
export const table = attributes({
  name: [1, cstring],
  flags: [2, be32],
  use: [3, be32],
  handle: [4, be64],
  userData: [6, bytes],
  owner: [7, be32],
});

/** enum nft_hook_attributes. Lower priorities see a packet first. */
const hook = attributes({ number: [1, be32], priority: [2, be32Signed], device: [3, cstring] });

/** enum nft_chain_attributes; 9 is padding. Only base chains have a hook, a type and a policy, which is a Verdict. */
export const chain = attributes({
  table: [1, cstring],
  name: [3, cstring],
  handle: [2, be64],
  type: [7, cstring],
  policy: [5, be32],
  hook: [4, hook],
  use: [6, be32],
  counters: [8, counter],
  flags: [10, be32],
  id: [11, be32],
  userData: [12, bytes],
});

/** enum nft_rule_attributes; 8 is padding. `position` is the handle of the rule to stand after, or before. */
export const rule = attributes({
  table: [1, cstring],
  chain: [2, cstring],
  handle: [3, be64],
  expressions: [4, list(expression)],
  userData: [7, bytes],
  position: [6, be64],
  id: [9, be32],
  positionId: [10, be32],
});

/** enum nft_set_desc_attributes. `size` is the most elements that the set takes; a full one refuses with ENFILE. */
const setDescription = attributes({ size: [1, be32] });

/**
 * enum nft_set_attributes; 14 is padding. Lengths are bytes, `timeout` and `gcInterval` milliseconds.
 * `backend` and `count`, the structure that the kernel chose and the number of its elements, are newer than Linux 6.12; 6.18 has them.
 */
export const set = attributes({
  table: [1, cstring],
  name: [2, cstring],
  flags: [3, be32],
  keyType: [4, be32],
  keyLength: [5, be32],
  dataType: [6, be32],
  dataLength: [7, be32],
  policy: [8, be32],
  id: [10, be32],
  description: [9, setDescription],
  timeout: [11, be64],
  gcInterval: [12, be32],
  userData: [13, bytes],
  handle: [16, be64],
  expression: [17, expression],
  expressions: [18, list(expression)],
  backend: [19, cstring],
  count: [20, be32],
});

/**
 * enum nft_set_elem_attributes; 8 is padding. `timeout` is how long the element lives, `expiration` how much of it is
 * left: milliseconds. An element without a timeout takes the default of its set; 0 is never since Linux 6.12.
 */
export const element = attributes({
  flags: [3, be32],
  timeout: [4, be64],
  expiration: [5, be64],
  key: [1, data],
  keyEnd: [10, data],
  data: [2, data],
  userData: [6, bytes],
  expression: [7, expression],
  expressions: [11, list(expression)],
});

/** enum nft_set_elem_list_attributes */
export const elementList = attributes({
  table: [1, cstring],
  set: [2, cstring],
  setId: [4, be32],
  elements: [3, list(element)],
});

/** enum nft_object_attributes; 7 is padding. Of the types of object only counters have a table here. */
export const object = attributes({
  table: [1, cstring],
  name: [2, cstring],
  type: [3, be32],
  data: [4, counter],
  use: [5, be32],
  handle: [6, be64],
});

/** enum nft_gen_attributes: the number of the ruleset in force, and who put it there. */
export const generation = attributes({ id: [1, be32], processId: [2, be32], processName: [3, cstring] });

export type TableAttributes = ValueOf<typeof table>;
export type ChainAttributes = ValueOf<typeof chain>;
export type RuleAttributes = ValueOf<typeof rule>;
export type SetAttributes = ValueOf<typeof set>;
export type ElementAttributes = ValueOf<typeof element>;
