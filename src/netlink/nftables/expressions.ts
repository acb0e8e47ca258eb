import type { ValueOf } from '../codec.ts';
import { be32, be32Signed, be64, byte, bytes, cstring } from '../codec.ts';
import { attributes, choice } from '../wire.ts';

// Tables of the expressions that rules are made of. Ids: enum nft_*_attributes, linux/netfilter/nf_tables.h.
// Rows stand in the order in which nft sends them, so that captures of nft compare byte for byte.

/** enum nft_verdict_attributes */
const verdict = attributes({ code: [1, be32Signed], chain: [2, cstring] });

/** enum nft_data_attributes: a value in network byte order, or a verdict. At most 64 bytes. */
export const data = attributes({ value: [1, bytes], verdict: [2, verdict] });

/** enum nft_immediate_attributes: loads a constant; into register 0, a verdict that ends the rule. */
const immediate = attributes({ destination: [1, be32], data: [2, data] });

/** enum nft_payload_attributes: loads bytes of the packet. `base` is a PayloadBase, offset and length are bytes. */
const payload = attributes({ destination: [1, be32], base: [2, be32], offset: [3, be32], length: [4, be32] });

/** enum nft_cmp_attributes: ends the rule unless the register compares as `operator` says. */
const cmp = attributes({ source: [1, be32], operator: [2, be32], data: [3, data] });

/** enum nft_bitwise_attributes: destination = (source & mask) ^ xor. `length` is bytes. */
const bitwise = attributes({
  source: [1, be32],
  destination: [2, be32],
  length: [3, be32],
  operation: [6, be32],
  mask: [4, data],
  xor: [5, data],
});

/** enum nft_meta_attributes: loads what is known of a packet outside of its bytes. `key` is a MetaKey. */
const meta = attributes({ key: [2, be32], destination: [1, be32] });

/** enum nft_ct_attributes: loads from the connection that the packet belongs to. `key` is a ConnectionKey. */
const ct = attributes({ key: [2, be32], destination: [1, be32], direction: [3, byte] });

/** enum nft_lookup_attributes: ends the rule unless the set holds the register; flag 1 turns that round. */
const lookup = attributes({
  source: [2, be32],
  destination: [3, be32],
  set: [1, cstring],
  setId: [4, be32],
  flags: [5, be32],
});

/** enum nft_counter_attributes; 3 is padding. */
export const counter = attributes({ bytes: [1, be64], packets: [2, be64] });

/** enum nft_limit_attributes: `rate` packets or bytes in `unit` seconds, after a first `burst`. 6 is padding. */
const limit = attributes({
  rate: [1, be64],
  unit: [2, be64],
  burst: [3, be32],
  type: [4, be32],
  flags: [5, be32],
});

/** enum nft_reject_attributes: answers the packet and drops it. `type` is a RejectType. */
const reject = attributes({ type: [1, be32], code: [2, byte] });

/** enum nft_objref_attributes: evaluates a named object of the table. `type` is an ObjectType. */
const objref = attributes({ type: [1, be32], name: [2, cstring] });

/** enum nft_expr_attributes: the name of the expression gives its data their meaning. */
export const expression = choice(
  { name: 1, data: 2 },
  { bitwise, cmp, counter, ct, immediate, limit, lookup, meta, objref, payload, reject },
);

/** One expression of a rule or a set. `?` is one that this library has no table for. */
export type Expression = ValueOf<typeof expression>;
