import { describe, expect, it } from 'vitest';
import { parsePath } from '../api/compat/path.ts';
import { version } from '../domain/version.ts';
import { makeFolder } from './folder.fixture.ts';
import { startReport } from './report.ts';
import { loadSettings, type Settings } from './settings.ts';

const urls = ['http://127.0.0.1:7390', 'http://[::1]:7390', 'https://0.0.0.0:7393'];

function settingsOf(...lines: string[]): Settings {
  const folder = makeFolder();
  return loadSettings(folder.config('local.server', 'whitelist.file = white.list', 'state.dir = /srv/rfw', ...lines));
}

describe('startReport', () => {
  it('says where it listens, what enforces the rules and why, and three lines to try', () => {
    const report = { urls: urls.slice(0, 2), backend: 'iptables v1.8.9 (set by firewall.backend)', rules: 3 };
    expect(startReport(report, settingsOf())).toBe(`rfw ${version}
  listens   http://127.0.0.1:7390  http://[::1]:7390
  backend   iptables v1.8.9 (set by firewall.backend)
  rules     3, kept in /srv/rfw
Try
  curl -X PUT 'http://127.0.0.1:7390/drop/input/any/203.0.113.7?expire=10m'
  curl http://127.0.0.1:7390/list/input
  curl -X DELETE http://127.0.0.1:7390/drop/input/any/203.0.113.7
`);
  });

  it('prefers the local server, and asks for a password there only when it does', () => {
    const report = { urls, backend: 'memory', rules: 0 };
    expect(startReport(report, settingsOf())).toContain('  curl http://127.0.0.1:7390/list/input\n');
    const authentication = ['local.server.authentication', 'auth.username = alice', 'auth.password = hunter2'];
    const text = startReport(report, settingsOf(...authentication));
    expect(text).toContain('  curl --user alice http://127.0.0.1:7390/list/input\n');
    expect(text).not.toContain('hunter2');
  });

  it('gives what HTTPS needs when there is nothing else', () => {
    const settings = settingsOf('local.server.authentication', 'auth.username = alice', 'auth.password = x');
    const { config } = settings;
    const text = startReport(
      { urls: urls.slice(2), backend: 'memory', rules: 0 },
      { ...settings, config: { ...config, local: undefined } },
    );
    expect(text).toContain('  curl --cacert client/ca.crt --user alice https://0.0.0.0:7393/list/input\n');
  });

  it('gives what the unix socket needs when there is nothing else', () => {
    const settings = settingsOf('socket.path = /run/x.sock');
    const { config } = settings;
    const report = { urls: ['unix:/run/x.sock'], backend: 'memory', rules: 0 };
    const text = startReport(report, { ...settings, config: { ...config, local: undefined } });
    expect(text).toContain('  listens   unix:/run/x.sock\n');
    expect(text).toContain('  curl --unix-socket /run/x.sock http://localhost/list/input\n');
  });

  it('shows paths that the API takes', () => {
    const text = startReport({ urls, backend: 'memory', rules: 0 }, settingsOf());
    const paths = [...text.matchAll(/:7390(\/[^?'\s]*)/g)].map((match) => match[1] ?? '');
    expect(paths.map((path) => parsePath(path).kind)).toEqual(['rule', 'list', 'rule']);
  });
});
