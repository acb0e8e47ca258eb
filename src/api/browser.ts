/** The headers by which a browser tells where a request comes from. */
export interface RequestOrigin {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly referer?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Why a request to the local server must not be served, or undefined when it may be. A page in a browser on this
 * host can send requests to it; such a page shows by the name that it was reached by (DNS rebinding), by its Origin
 * (RFC 6454), by Referer, or by Sec-Fetch-Site (W3C Fetch Metadata).
 */
export function foreignness(headers: RequestOrigin, port: number): string | undefined {
  // HTTP/1.0 clients send no Host, browsers always do.
  if (headers.host !== undefined && !isLoopback(headers.host, port)) {
    return 'The local server answers to localhost, 127.0.0.1 and [::1] only';
  }
  return crossSite(
    headers,
    [...loopbackNames].map((name) => `http://${name}:${port}`),
  );
}

/**
 * Why a request that a page of another site has sent must not be served; a browser may send the password of its user along.
 * @param own the origins of the server itself
 */
export function crossSite(headers: RequestOrigin, own: readonly string[]): string | undefined {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'Cross-site requests are refused';
  // Browsers that send no Sec-Fetch-Site yet say by Referer whose page asks for an image or follows a link.
  for (const source of [headers.origin, headers.referer]) {
    if (source !== undefined && !isOneOf(own, source.toLowerCase())) return 'Cross-site requests are refused';
  }
  return undefined;
}

function isLoopback(host: string, port: number): boolean {
  const name = host.toLowerCase();
  return loopbackNames.has(name) || [...loopbackNames].some((own) => name === `${own}:${port}`);
}

function isOneOf(own: readonly string[], url: string): boolean {
  return own.some((origin) => url === origin || url.startsWith(`${origin}/`));
}
