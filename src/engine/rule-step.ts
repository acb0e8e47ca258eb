import type { Rule } from '../domain/rule.ts';

/** What a change has made of one rule: before and after, of which one may be missing. */
export type RuleStep =
  | { readonly before: Rule; readonly after: Rule }
  | { readonly before: Rule; readonly after?: undefined }
  | { readonly before?: undefined; readonly after: Rule };
