// Made by scripts/cli-types.mjs from docs/openapi.json: npm run cli-types.

/** input is for packets to this host, output for those from it, forward for those that it passes on */
export type Chain = 'input' | 'output' | 'forward';
/** drop says nothing to the sender, reject tells it, accept lets the packet through */
export type Action = 'drop' | 'accept' | 'reject';
/** Where the next page begins: what an answer gave as next. What is in it may change */
export type Cursor = string;
export interface RulePage {
  readonly items: readonly CountedRule[];
  readonly next?: Cursor;
  /** How many rules the filter means in all; left out where that would take a look at each rule */
  readonly count?: number;
}
export interface CountedRule {
  readonly id: RuleId;
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly source: Prefix | 'any';
  readonly destination: Prefix | 'any';
  readonly expiresAt: Timestamp | null;
  readonly createdAt: Timestamp;
  /** Who put it */
  readonly origin: string;
  readonly comment: Comment;
  /** What the rule has met since it came into the kernel; null where that was not asked for, or the kernel can not say */
  readonly counters: Counters | null;
}
/** What a rule matches and does, in a form that a URL takes: drop~input~any~any~198.51.100.7_32~any. An answer has it */
export type RuleId = string;
/** any, the name of an interface (eth0), or the beginning of names (ppp+) */
export type InterfacePattern = string;
/** An IPv4 or IPv6 address, with a prefix length for a network: 198.51.100.7, 198.51.100.0/24, 2001:db8::/32. Answers have it in its shortest form, with the length */
export type Prefix = string;
/** An instant as in RFC 3339: 2026-01-31T12:00:00.000Z. Answers have it in UTC */
export type Timestamp = string;
/** At most 256 characters */
export type Comment = string;
export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}
export interface Problem {
  /** urn:rfw:problem: and the code */ readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What kind of error it is. It never changes; the texts may */
  readonly code: string;
  /** What is wrong this time, and what to do about it */
  readonly detail: string;
  /** urn:rfw:request: and the id of the request */
  readonly instance: string;
  readonly errors?: readonly FieldError[];
}
export interface FieldError {
  /** Where in the body, a JSON pointer (RFC 6901) */ readonly pointer?: string;
  /** Which parameter of the path, the query or the headers */
  readonly parameter?: string;
  /** Which line of the body */
  readonly line?: number;
  /** What kind of error it is, where that is not the one of the request */
  readonly code?: string;
  readonly message: string;
}
export interface RuleInput {
  readonly action: Action;
  readonly chain: Chain;
  readonly source?: Prefix;
  readonly destination?: Prefix;
  readonly in?: InterfacePattern;
  readonly out?: InterfacePattern;
  readonly ttl?: Ttl;
  readonly expiresAt?: Timestamp;
  readonly comment?: Comment;
}
/** How long something lasts: seconds as a number, "90s", "10m", "12h", "7d", or "permanent" */
export type Ttl = number | string;
/** What became of a rule; one that was updated, also as it was before */
export interface RuleChange {
  /** exists: it stands already as it was asked for */ readonly status: 'created' | 'updated' | 'exists' | 'deleted';
  readonly rule: Rule;
  readonly before?: Rule;
}
export interface Rule {
  readonly id: RuleId;
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly source: Prefix | 'any';
  readonly destination: Prefix | 'any';
  readonly expiresAt: Timestamp | null;
  readonly createdAt: Timestamp;
  /** Who put it */
  readonly origin: string;
  readonly comment: Comment;
}
/** best-effort does what can be done; atomic does all or nothing */
export type BatchMode = 'best-effort' | 'atomic';
export interface Batch {
  readonly mode?: BatchMode;
  /** In the order in which they are done */
  readonly items: readonly BatchItem[];
}
/** A rule to put, as POST /v1/rules takes it, or to delete; that has no ttl, expiresAt or comment */
export interface BatchItem {
  /** What is done with the rule */ readonly op?: 'put' | 'delete';
  readonly action: Action;
  readonly chain: Chain;
  readonly source?: Prefix;
  readonly destination?: Prefix;
  readonly in?: InterfacePattern;
  readonly out?: InterfacePattern;
  readonly ttl?: Ttl;
  readonly expiresAt?: Timestamp;
  readonly comment?: Comment;
}
export interface BatchSummary {
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  /** Put, but stood already as it was asked for */
  readonly exists: number;
  readonly deleted: number;
  /** To be deleted, but not there */
  readonly absent: number;
  readonly refused: number;
  /** How many of them have each code */
  readonly refusals: Readonly<Record<string, number>>;
  /** The first 1,000 of them */
  readonly errors: readonly BatchError[];
}
export interface BatchError {
  /** Of NDJSON, counted from 1 */ readonly line?: number;
  /** Of a JSON body: where the item is (RFC 6901) */
  readonly pointer?: string;
  readonly code: string;
  readonly message: string;
}
export interface RuleDeletion {
  readonly deleted: number;
  /** How many rules stay, by the code of the error that keeps them: not-owner, beyond-limits */
  readonly refused: Readonly<Record<string, number>>;
}
export interface RulePatch {
  readonly ttl?: Ttl;
  readonly expiresAt?: Timestamp;
  readonly comment?: Comment;
}
export interface Check {
  readonly ip: Address;
  readonly packets: readonly CheckedPacket[];
}
/** An IPv4 or IPv6 address: 198.51.100.7, 2001:db8::1 */
export type Address = string;
export interface CheckedPacket {
  readonly chain: Chain;
  readonly source: Address | null;
  readonly destination: Address | null;
  readonly in: InterfaceName | null;
  readonly out: InterfaceName | null;
  /** continue: rfw has nothing against the packet and nothing for it; the rest of the packet filter decides */
  readonly verdict: 'drop' | 'accept' | 'reject' | 'continue';
  /** What the verdict comes from */
  readonly reason: 'rule' | 'list' | 'whitelist' | 'none';
  /** The entries of the whitelist by which no rule touches it */
  readonly whitelist: readonly string[];
  /** The rules that match, in the order in which a packet meets them */
  readonly rules: readonly CheckedRule[];
  /** The lists that have its address, in the order in which a packet meets them, after all rules */
  readonly lists: readonly CheckedList[];
  /** How many rules look at the other address too, which the question does not name, and may decide otherwise */
  readonly pairs: number;
  /** What becomes, before all rules, of TCP of the port that rfw serves its clients at */
  readonly guard: { readonly port: number; readonly verdict: 'accept' | 'drop' } | null;
  /** All that for people */
  readonly sentence: string;
}
/** The name of an interface: eth0 */
export type InterfaceName = string;
export interface CheckedRule {
  readonly id: RuleId;
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly source: Prefix | 'any';
  readonly destination: Prefix | 'any';
  readonly expiresAt: Timestamp | null;
  readonly createdAt: Timestamp;
  /** Who put it */
  readonly origin: string;
  readonly comment: Comment;
  /** Whether it is this rule that decides */
  readonly decides: boolean;
  /** Where the rule is for certain interfaces alone and the question names none: which, "only on eth0" */
  readonly only: string | null;
}
export interface CheckedList {
  readonly name: ListName;
  readonly action: Action;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly side: Side;
  readonly expiresAt: Timestamp | null;
  readonly origin: string;
  readonly comment: Comment;
  /** Whether it is this list that decides */
  readonly decides: boolean;
  /** As of a rule */
  readonly only: string | null;
}
/** 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit */
export type ListName = string;
/** Which address of a packet is looked up: in input the source, in output the destination, in forward the source where nothing else is said */
export type Side = 'source' | 'destination';
export interface ListPage {
  readonly items: readonly CountedList[];
  readonly next?: Cursor;
}
export interface CountedList {
  readonly name: ListName;
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly side: Side;
  readonly comment: Comment;
  readonly expiresAt: Timestamp | null;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
  /** Who made it */
  readonly origin: string;
  /** Another one with each change; in quotes it is the ETag */
  readonly version: number;
  /** The fewest prefixes that hold its addresses */
  readonly entries: number;
  /** What the list has met since it was made; null where the kernel does not hold it, or can not say */
  readonly counters: Counters | null;
}
/** What became of a list; one that was deleted, as it was */
export interface ListChange {
  /** unchanged: it was already as it was asked for, and has the version that it had */
  readonly status: 'created' | 'replaced' | 'changed' | 'unchanged' | 'deleted';
  readonly list: List;
  readonly cut?: Cut;
  readonly report?: ListReport;
}
export interface List {
  readonly name: ListName;
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly side: Side;
  readonly comment: Comment;
  readonly expiresAt: Timestamp | null;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
  /** Who made it */
  readonly origin: string;
  /** Another one with each change; in quotes it is the ETag */
  readonly version: number;
  /** The fewest prefixes that hold its addresses */
  readonly entries: number;
}
/** What is in the list and not enforced, since the whitelist covers it */
export interface Cut {
  /** How many prefixes that is */ readonly entries: number;
  /** The first 100 of them */
  readonly first: readonly string[];
}
/** What the body gave */
export interface ListReport {
  /** All that were read, comments and blank ones too */ readonly lines: number;
  /** Those that are entries */
  readonly entries: number;
  /** How many fewer ranges they make: those that overlap or touch are one */
  readonly merged: number;
  /** Those that can not be read. They are left out */
  readonly bad: number;
  /** The first 100 of them */
  readonly badLines: readonly BadLine[];
}
export interface BadLine {
  /** In JSON the place in the array, from 1 */ readonly line: number;
  /** Quoted and shortened */
  readonly text: string;
  readonly reason: string;
}
export interface ListDetail {
  readonly name: ListName;
  readonly action: Action;
  readonly chain: Chain;
  readonly in: InterfacePattern;
  readonly out: InterfacePattern;
  readonly side: Side;
  readonly comment: Comment;
  readonly expiresAt: Timestamp | null;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
  /** Who made it */
  readonly origin: string;
  /** Another one with each change; in quotes it is the ETag */
  readonly version: number;
  /** The fewest prefixes that hold its addresses */
  readonly entries: number;
  /** What the list has met since it was made; null where the kernel does not hold it, or can not say */
  readonly counters: Counters | null;
  readonly cut: Cut;
  /** A page of its entries, as the fewest prefixes, IPv4 first, ascending */
  readonly items: readonly Prefix[];
  readonly next?: Cursor;
}
export interface WhitelistEntry {
  readonly entry: WhitelistText;
  /** Entries of the file can not be removed here */
  readonly from: 'file' | 'api';
  readonly comment: Comment;
  /** Who added it */
  readonly origin: string | null;
  readonly createdAt: Timestamp | null;
}
/** An address, a prefix or a range: 192.0.2.10, 192.0.2.0/24, 192.0.2.1-192.0.2.9 */
export type WhitelistText = string;
export interface AddedWhitelistEntry {
  readonly entry: WhitelistText;
  /** Entries of the file can not be removed here */
  readonly from: 'file' | 'api';
  readonly comment: Comment;
  /** Who added it */
  readonly origin: string | null;
  readonly createdAt: Timestamp | null;
  /** The rules that had to go, at most a thousand of them */
  readonly displaced: readonly Rule[];
  readonly displacedCount: number;
}
/** A change. A rule is as it was after the change; one that went, as it was before */
export interface Change {
  /** Its place among all changes, without gaps */ readonly number: number;
  readonly at: Timestamp;
  /** rule-displaced: the rule had to go because of the whitelist. flushed: all rules and lists were taken out */
  readonly kind:
    | 'rule-created'
    | 'rule-updated'
    | 'rule-deleted'
    | 'rule-expired'
    | 'rule-displaced'
    | 'list-replaced'
    | 'list-changed'
    | 'list-deleted'
    | 'list-expired'
    | 'whitelist-added'
    | 'whitelist-removed'
    | 'flushed';
  /** Who asked for it; rfw where nobody did, as for an expiry */
  readonly by: string;
  readonly rule?: Rule;
  /** The name of the list */
  readonly list?: string;
  /** The entry of the whitelist */
  readonly entry?: string;
  /** How many rules were taken out */
  readonly rules?: number;
}
export interface Confirmation {
  readonly id: ConfirmationId;
  readonly deadline: Timestamp;
  /** Who asked for the change */
  readonly origin: string;
}
export type ConfirmationId = string;
export interface Token {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly limits: Limits;
  readonly clients: readonly string[];
  readonly expiresAt: Timestamp | null;
  readonly createdAt: Timestamp;
  readonly createdBy: string;
  readonly lastUsedAt: Timestamp | null;
}
/** rules:write:any may change the rules of others too; admin may do everything */
export type Scope =
  | 'rules:read'
  | 'rules:write'
  | 'rules:write:any'
  | 'lists:read'
  | 'lists:write'
  | 'whitelist:write'
  | 'audit:read'
  | 'metrics:read'
  | 'admin';
/** What a token may ask for at most */
export interface Limits {
  readonly actions?: readonly Action[];
  readonly chains?: readonly Chain[];
  readonly shortestPrefix?: { readonly '4': number; readonly '6': number };
  /** Seconds. Nothing permanent then */
  readonly longestTtl?: number;
  readonly rate?: { readonly perSecond: number; readonly burst: number };
}
export interface TokenRequest {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly limits?: Limits;
  /** Addresses and prefixes it may be used from; none is anywhere */
  readonly clients?: readonly string[];
  readonly expiresAt?: Timestamp | null;
}
export interface ChosenToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly limits: Limits;
  readonly clients: readonly string[];
  readonly expiresAt: Timestamp | null;
}
export interface AuditEntry {
  readonly number: number;
  readonly at: Timestamp;
  readonly principal: string;
  /** From where; empty over the unix socket */
  readonly address: string;
  readonly door: 'outward' | 'local' | 'socket' | 'control' | 'engine';
  /** The X-Request-Id of the answer */
  readonly requestId: string;
  readonly operation: string;
  /** What it was done to */
  readonly target: string;
  /** How that was; null where there was nothing */
  readonly before: unknown;
  /** How it is since; null where there is nothing */
  readonly after: unknown;
  /** What became of it, or the code of the error */
  readonly result: string;
  /** SHA-256 over the hash before and this entry */
  readonly hash: string;
}
export interface Status {
  readonly version: string;
  /** degraded: the kernel does not hold the rules */
  readonly state: 'ready' | 'degraded';
  /** Why it is degraded */
  readonly degraded: string | null;
  readonly backend: 'iptables' | 'nftables' | 'memory';
  readonly capabilities: Capabilities;
  readonly rules: number;
  readonly lists: number;
  /** How often changes of others were repaired since the start */
  readonly drifts: number;
  /** How many changes wait */
  readonly queue: number;
  readonly startedAt: Timestamp;
  /** Seconds since the start */
  readonly uptime: number;
  readonly memory: {
    /** Bytes of the process */ readonly rss: number;
    /** Bytes of objects */
    readonly heapUsed: number;
  };
  /** Where rfw listens */
  readonly urls: readonly string[];
}
export interface Capabilities {
  /** What was found on this host */ readonly summary: string;
  /** Whether IPv6 rules can be enforced */
  readonly ipv6: boolean;
  /** Whether lists can be enforced */
  readonly lists: boolean;
  /** What the kernel lacks, and how rfw makes do */
  readonly shortcomings: readonly string[];
}
export interface Health {
  readonly status: 'live' | 'ready';
}
/** What each operation takes and gives. */
export interface Operations {
  listRules: {
    readonly query: {
      /** input is for packets to this host, output for those from it, forward for those that it passes on */
      readonly chain?: Chain;
      /** drop says nothing to the sender, reject tells it, accept lets the packet through */
      readonly action?: Action;
      /** An address: rules whose source or destination holds it */
      readonly contains?: string;
      /** A network: rules whose source or destination lies in it */
      readonly within?: string;
      /** The name of a principal: rules that it has put */
      readonly origin?: string;
      /** An instant as in RFC 3339: rules that end before it */
      readonly expiresBefore?: string;
      /** A text: rules that have it in their comment, origin or id, in upper or lower case */
      readonly q?: string;
      /** newest and oldest: in the order in which the rules were put; expiresAt: what ends soonest comes first, what is permanent last; address: by source, or by destination where there is no source */
      readonly sort?: 'newest' | 'oldest' | 'expiresAt' | 'address';
      /** Whether the kernel is asked what each rule has met */
      readonly counters?: boolean;
      /** The most items of a page */
      readonly limit?: number;
      /** Where the next page begins: what an answer gave as next. What is in it may change */
      readonly cursor?: Cursor;
    };
    readonly body: undefined;
    readonly answer: RulePage;
  };
  putRule: {
    readonly query: {
      /** Only say what would change; nothing is changed */ readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: RuleInput;
    readonly answer: RuleChange;
  };
  deleteRules: {
    readonly query: {
      /** input is for packets to this host, output for those from it, forward for those that it passes on */
      readonly chain?: Chain;
      /** drop says nothing to the sender, reject tells it, accept lets the packet through */
      readonly action?: Action;
      /** An address: rules whose source or destination holds it */
      readonly contains?: string;
      /** A network: rules whose source or destination lies in it */
      readonly within?: string;
      /** The name of a principal: rules that it has put */
      readonly origin?: string;
      /** An instant as in RFC 3339: rules that end before it */
      readonly expiresBefore?: string;
      /** A text: rules that have it in their comment, origin or id, in upper or lower case */
      readonly q?: string;
      /** That really all rules are meant */
      readonly all?: boolean;
      /** Only say what would change; nothing is changed */
      readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: undefined;
    readonly answer: RuleDeletion;
  };
  batchRules: {
    readonly query: {
      /** best-effort does what can be done; atomic does all or nothing */ readonly mode?: BatchMode;
      /** Answer with a stream that tells how far it is */
      readonly progress?: boolean;
      /** Only say what would change; nothing is changed */
      readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: Batch;
    readonly answer: BatchSummary;
  };
  getRule: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: CountedRule;
  };
  patchRule: {
    readonly query: {
      /** Only say what would change; nothing is changed */ readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: RulePatch;
    readonly answer: RuleChange;
  };
  deleteRule: {
    readonly query: {
      /** Only say what would change; nothing is changed */ readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: undefined;
    readonly answer: RuleChange;
  };
  check: {
    readonly query: {
      /** An address: of whoever packets come from or go to */ readonly ip: string;
      /** input is for packets to this host, output for those from it, forward for those that it passes on */
      readonly chain?: Chain;
      /** The interface they come in by */
      readonly in?: string;
      /** The interface they go out by */
      readonly out?: string;
      /** An address: in forward, where packets from ip go to */
      readonly destination?: string;
    };
    readonly body: undefined;
    readonly answer: Check;
  };
  listLists: {
    readonly query: {
      /** The most items of a page */ readonly limit?: number;
      /** Where the next page begins: what an answer gave as next. What is in it may change */
      readonly cursor?: Cursor;
    };
    readonly body: undefined;
    readonly answer: ListPage;
  };
  putList: {
    readonly query: {
      /** drop says nothing to the sender, reject tells it, accept lets the packet through */ readonly action?: Action;
      /** input is for packets to this host, output for those from it, forward for those that it passes on */
      readonly chain?: Chain;
      /** Which address of a packet is looked up: in input the source, in output the destination, in forward the source where nothing else is said */
      readonly side?: Side;
      /** any, the name of an interface (eth0), or the beginning of names (ppp+) */
      readonly in?: InterfacePattern;
      /** any, the name of an interface (eth0), or the beginning of names (ppp+) */
      readonly out?: InterfacePattern;
      /** At most 256 characters */
      readonly comment?: Comment;
      /** How long the list lasts: 90, 90s, 10m, 12h, 7d or permanent. A new one is permanent */
      readonly ttl?: string;
      /** An instant as in RFC 3339: 2026-01-31T12:00:00.000Z. Answers have it in UTC */
      readonly expiresAt?: Timestamp;
      /** Whether the list may come to have no entries at all */
      readonly allowEmpty?: boolean;
      /** The share, 0 to 1, of entries that may be unreadable, where that is less than list.bad.share */
      readonly maxBadShare?: string;
      /** Only say what would change; nothing is changed */
      readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: {
      readonly action?: Action;
      readonly chain?: Chain;
      readonly in?: InterfacePattern;
      readonly out?: InterfacePattern;
      readonly side?: Side;
      readonly comment?: Comment;
      readonly ttl?: Ttl;
      readonly expiresAt?: Timestamp;
      readonly entries: readonly unknown[];
    };
    readonly answer: ListChange;
  };
  getList: {
    readonly query: {
      /** The most items of a page */ readonly limit?: number;
      /** Where the next page begins: what an answer gave as next. What is in it may change */
      readonly cursor?: Cursor;
    };
    readonly body: undefined;
    readonly answer: ListDetail;
  };
  patchList: {
    readonly query: {
      /** Whether the list may come to have no entries at all */ readonly allowEmpty?: boolean;
      /** Only say what would change; nothing is changed */
      readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: {
      readonly action?: Action;
      readonly chain?: Chain;
      readonly in?: InterfacePattern;
      readonly out?: InterfacePattern;
      readonly side?: Side;
      readonly comment?: Comment;
      readonly ttl?: Ttl;
      readonly expiresAt?: Timestamp;
      readonly add?: readonly unknown[];
      readonly remove?: readonly unknown[];
    };
    readonly answer: ListChange;
  };
  deleteList: {
    readonly query: {
      /** Only say what would change; nothing is changed */ readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: undefined;
    readonly answer: ListChange;
  };
  listWhitelist: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: { readonly items: readonly WhitelistEntry[] };
  };
  addWhitelistEntry: {
    readonly query: {
      /** Only say what would change; nothing is changed */ readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: { readonly entry: WhitelistText; readonly comment?: Comment };
    readonly answer: AddedWhitelistEntry;
  };
  removeWhitelistEntry: {
    readonly query: {
      /** An address, a prefix or a range: 192.0.2.10, 192.0.2.0/24, 192.0.2.1-192.0.2.9 */
      readonly entry: WhitelistText;
      /** Only say what would change; nothing is changed */
      readonly dryRun?: boolean;
      /** The change is undone after this time (120s, 10m; at most a day) unless POST /v1/confirmations/{id} comes before, over a new connection */
      readonly confirm?: string;
    };
    readonly body: undefined;
    readonly answer: WhitelistEntry;
  };
  listChanges: {
    readonly query: {
      /** The number of the last change that you have; 0 is none */ readonly since: number;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: {
      readonly items: readonly Change[];
      /** For since, to go on */
      readonly next: number;
      /** The number of the last change that there is */
      readonly last: number;
    };
  };
  streamEvents: {
    readonly query: {
      /** As Last-Event-ID, for clients that can not set headers */ readonly since?: number;
    };
    readonly body: undefined;
    readonly answer: undefined;
  };
  getSnapshot: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: undefined;
  };
  listConfirmations: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Confirmation[] };
  };
  confirm: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: undefined;
  };
  listTokens: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: { readonly items: readonly Token[] };
  };
  createToken: {
    readonly query: {
      /** Only say what would change; nothing is changed */ readonly dryRun?: boolean;
    };
    readonly body: TokenRequest;
    readonly answer:
      | ChosenToken
      | {
          /** For Authorization: Bearer */ readonly token: string;
          readonly id: string;
          readonly name: string;
          readonly scopes: readonly Scope[];
          readonly limits: Limits;
          readonly clients: readonly string[];
          readonly expiresAt: Timestamp | null;
          readonly createdAt: Timestamp;
          readonly createdBy: string;
          readonly lastUsedAt: Timestamp | null;
        };
  };
  revokeToken: {
    readonly query: {
      /** Only say what would change; nothing is changed */ readonly dryRun?: boolean;
    };
    readonly body: undefined;
    readonly answer: Token;
  };
  listAudit: {
    readonly query: {
      readonly principal?: string;
      /** rules.put, lists.replace, … */
      readonly operation?: string;
      /** An instant as in RFC 3339: 2026-01-31T12:00:00.000Z. Answers have it in UTC */
      readonly since?: Timestamp;
      /** An instant as in RFC 3339: 2026-01-31T12:00:00.000Z. Answers have it in UTC */
      readonly until?: Timestamp;
      /** Only entries with a smaller number: next of the page before */
      readonly before?: number;
      readonly limit?: number;
    };
    readonly body: undefined;
    readonly answer: { readonly items: readonly AuditEntry[]; readonly next: number | null };
  };
  getStatus: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: Status;
  };
  getLive: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: Health;
  };
  getReady: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: Health;
  };
  getMetrics: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: undefined;
  };
  getOpenApi: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: { readonly openapi: string; readonly paths: Readonly<Record<string, unknown>> };
  };
  getDocumentation: {
    readonly query: Readonly<Record<never, never>>;
    readonly body: undefined;
    readonly answer: undefined;
  };
}
/** How each operation is asked for. */
export const operations = {
  listRules: { method: 'GET', path: '/v1/rules' },
  putRule: { method: 'POST', path: '/v1/rules' },
  deleteRules: { method: 'DELETE', path: '/v1/rules' },
  batchRules: { method: 'POST', path: '/v1/rules/batch' },
  getRule: { method: 'GET', path: '/v1/rules/{id}' },
  patchRule: { method: 'PATCH', path: '/v1/rules/{id}' },
  deleteRule: { method: 'DELETE', path: '/v1/rules/{id}' },
  check: { method: 'GET', path: '/v1/check' },
  listLists: { method: 'GET', path: '/v1/lists' },
  putList: { method: 'PUT', path: '/v1/lists/{name}' },
  getList: { method: 'GET', path: '/v1/lists/{name}' },
  patchList: { method: 'PATCH', path: '/v1/lists/{name}' },
  deleteList: { method: 'DELETE', path: '/v1/lists/{name}' },
  listWhitelist: { method: 'GET', path: '/v1/whitelist' },
  addWhitelistEntry: { method: 'POST', path: '/v1/whitelist' },
  removeWhitelistEntry: { method: 'DELETE', path: '/v1/whitelist' },
  listChanges: { method: 'GET', path: '/v1/changes' },
  streamEvents: { method: 'GET', path: '/v1/events' },
  getSnapshot: { method: 'GET', path: '/v1/snapshot' },
  listConfirmations: { method: 'GET', path: '/v1/confirmations' },
  confirm: { method: 'POST', path: '/v1/confirmations/{id}' },
  listTokens: { method: 'GET', path: '/v1/tokens' },
  createToken: { method: 'POST', path: '/v1/tokens' },
  revokeToken: { method: 'DELETE', path: '/v1/tokens/{id}' },
  listAudit: { method: 'GET', path: '/v1/audit' },
  getStatus: { method: 'GET', path: '/v1/status' },
  getLive: { method: 'GET', path: '/v1/health/live' },
  getReady: { method: 'GET', path: '/v1/health/ready' },
  getMetrics: { method: 'GET', path: '/metrics' },
  getOpenApi: { method: 'GET', path: '/openapi.json' },
  getDocumentation: { method: 'GET', path: '/docs' },
} as const satisfies Record<keyof Operations, { method: string; path: string }>;
