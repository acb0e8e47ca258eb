import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenServer, openServer } from '../server.fixture.ts';
import { documentation, documentationPolicy } from './documentation.ts';
import { echoRoutes } from './routes.fixture.ts';
import { routes } from './routes.ts';

const page = documentation([...routes, ...echoRoutes], '1.2.3');

function between(text: string, tag: string): string[] {
  return [...text.matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs'))].map(([, inner = '']) => inner);
}

describe('the page', () => {
  let server: OpenServer;
  beforeAll(async () => {
    server = await openServer();
  });
  afterAll(() => server.close());

  it('is served with a policy that lets nothing else in', async () => {
    const { status, headers, text } = await server.send('GET', '/docs');
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers['content-security-policy']).toBe(documentationPolicy);
    expect(text).toContain('<b>GET</b> <code>/v1/status</code>');
    expect((await server.send('HEAD', '/docs')).text).toBe('');
  });

  it('is served beside the document that says the same', async () => {
    const { headers, text } = await server.send('GET', '/openapi.json');
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(Object.keys(JSON.parse(text).paths)).toEqual([...new Set(routes.map(({ path }) => path))]);
  });

  it('names every route, and links only to what is there', () => {
    for (const { operationId } of [...routes, ...echoRoutes]) expect(page).toContain(`<section id="${operationId}"`);
    const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(links.length).toBeGreaterThan(30);
    expect(links.filter((id) => !ids.has(id))).toEqual([]);
  });

  it('takes nothing from elsewhere', () => {
    expect(page).not.toMatch(
      /<[^>]*\b(?:src|action|srcset)=|@import|url\(|https?:\/\/(?!127\.0\.0\.1|\[::1\]|192\.0\.2\.1)/,
    );
    expect(page).not.toMatch(/ (?:style|on\w+)="/);
  });

  it('has one style and one script, and their hashes are in the policy', () => {
    for (const [tag, directive] of [
      ['style', 'style-src'],
      ['script', 'script-src'],
    ] as const) {
      const [only, ...others] = between(page, tag);
      expect(others).toEqual([]);
      const hash = createHash('sha256')
        .update(only ?? '')
        .digest('base64');
      expect(documentationPolicy).toContain(`${directive} 'sha256-${hash}'`);
    }
    expect(documentationPolicy).not.toContain('unsafe');
  });

  it('shows what is in definitions as text', () => {
    const [first] = routes;
    if (first === undefined) throw new Error('There are routes');
    const odd = documentation([{ ...first, summary: '<script>alert("x")</script> & more' }], '<1>');
    expect(odd).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; more');
    expect(odd).toContain('<title>rfw &lt;1&gt;</title>');
  });
});
