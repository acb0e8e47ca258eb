import { Type } from 'typebox';
import type { ListCommand } from '../../engine/decide-list.ts';
import { narrowed, readListArray, refuseUnfit } from './list-body.ts';
import { allowEmpty, asking, changeList, etagHeader, ifMatch, jsonLimit, listProblems, ok } from './list-change.ts';
import { Entries, exampleChange, exampleList, givenProperties, ListChange, listProperties } from './list-json.ts';
import { route } from './route.ts';
import { closed, ListName } from './schemas.ts';

/** Changes entries and properties of a list. */
export const patchList = route({
  method: 'PATCH',
  path: '/v1/lists/{name}',
  operationId: 'patchList',
  summary: 'Adds and removes entries of a list, and changes its properties',
  description:
    'First comes what is added, then goes what is removed: what is in both is not in the list. What the body does not name stays. An entry that can not be read refuses the whole request.',
  tag: 'Lists',
  scope: 'lists:write',
  mutation: true,
  conditions: { 'If-Match': ifMatch },
  params: closed({ name: ListName }),
  query: closed({ allowEmpty }),
  body: {
    description: 'What changes',
    json: closed({ ...listProperties, add: Type.Optional(Entries), remove: Type.Optional(Entries) }),
    example: { add: ['198.51.100.0/24'], remove: ['192.0.2.7'] },
    limit: jsonLimit,
  },
  answers: {
    200: {
      description: 'It is changed, or was like that already',
      schema: ListChange,
      headers: etagHeader,
      example: { status: 'changed', list: exampleList, cut: exampleChange.cut },
    },
  },
  problems: ['not-found', ...listProblems],
})(async (asked, services) => {
  const { add = [], remove = [], ...given } = asked.body;
  const own = services.listLimits();
  const entries = { badShare: 0, allowEmpty: true, largestShare: 1 };
  const added = readListArray(add, narrowed(own, asked.principal.limits, entries), 'add');
  const anyLength = { ...own, ...entries, shortestPrefix: { 4: 0, 6: 0 } };
  const removed = readListArray(remove, anyLength, 'remove');
  const properties = givenProperties(given);
  const command: ListCommand = {
    kind: 'change',
    ...asking(asked, properties),
    add: added.addresses,
    remove: removed.addresses,
    properties,
    limits: { ...own, allowEmpty: asked.query.allowEmpty ?? false },
  };
  const refuse = (): void => {
    refuseUnfit(added);
    refuseUnfit(removed);
  };
  return changeList(asked, services, { operation: 'lists.change', command, identity: asked.body, refuse }, (outcome) =>
    ok(outcome),
  );
});

/** Takes out a list. */
export const deleteList = route({
  method: 'DELETE',
  path: '/v1/lists/{name}',
  operationId: 'deleteList',
  summary: 'Deletes a list',
  tag: 'Lists',
  scope: 'lists:write',
  mutation: true,
  conditions: { 'If-Match': ifMatch },
  params: closed({ name: ListName }),
  answers: {
    200: {
      description: 'It is gone; this is how it was',
      schema: ListChange,
      example: { status: 'deleted', list: exampleList },
    },
  },
  problems: ['not-found', ...listProblems],
})(async (asked, services) => {
  const command: ListCommand = { kind: 'remove', ...asking(asked, {}) };
  return changeList(asked, services, { operation: 'lists.delete', command, identity: null }, (outcome) => ok(outcome));
});
