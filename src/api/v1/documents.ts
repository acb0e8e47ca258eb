import { type Static, Type } from 'typebox';
import { documentation, documentationPolicy } from './documentation.ts';
import { openApiDocument } from './openapi.ts';
import { type Route, type RouteDefinition, route } from './route.ts';

const Document = Type.Object({ openapi: Type.String(), paths: Type.Object({}) });

/** The routes that tell about all routes, themselves included. */
export function documentRoutes(all: () => readonly RouteDefinition[]): Route[] {
  let document: Static<typeof Document> | undefined;
  let page: string | undefined;
  return [
    route({
      method: 'GET',
      path: '/openapi.json',
      operationId: 'getOpenApi',
      summary: 'This API as an OpenAPI 3.1 document',
      tag: 'Service',
      scope: 'public',
      answers: { 200: { description: 'The document', schema: Document } },
      early: true,
    })(async (_asked, { version }) => {
      document ??= openApiDocument(all(), version) as Static<typeof Document>;
      return { status: 200, body: document };
    }),
    route({
      method: 'GET',
      path: '/docs',
      operationId: 'getDocumentation',
      summary: 'This API as a page to read',
      tag: 'Service',
      scope: 'public',
      answers: { 200: { description: 'The page, which needs nothing else', type: 'text/html; charset=utf-8' } },
      early: true,
    })(async (_asked, { version }) => {
      page ??= documentation(all(), version);
      return { status: 200, body: page, headers: { 'content-security-policy': documentationPolicy } };
    }),
  ];
}
