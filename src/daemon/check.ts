import { formatNetwork } from '../domain/address.ts';
import { version } from '../domain/version.ts';
import type { CertificateConfig, Config } from './config.ts';
import { formatUrl } from './places.ts';
import { protectionOf, type Settings } from './settings.ts';
import { stateFolder } from './state.ts';

/** What a start with these settings would do. Nothing is touched to find out. */
export function checkReport(settings: Settings): string {
  const { config, whitelist } = settings;
  const { guard } = protectionOf(settings);
  const lines = [
    `rfw ${version}: ${config.file} and ${config.whitelistFile} are correct. A start would`,
    ...serverLines(config),
    `  enforce rules with the backend ${config.backend}${backendDetails(config)}, and keep them in ${stateFolder(config)}`,
    `  give a rule that doesn't say how long it lasts ${config.defaultExpire === 0 ? 'no end' : `${config.defaultExpire} seconds`}`,
    `  ${retention(config)}`,
    `  refuse rules that touch ${whitelist.entries.map((entry) => entry.text).join(', ')}`,
    guard === null
      ? '  guard no port, since the outward server is off'
      : `  accept TCP port ${guard.port} for ${guard.allowed.map(formatNetwork).join(', ')} and drop it for all others, on INPUT and OUTPUT`,
  ];
  return `${lines.join('\n')}\n`;
}

function retention({ auditKeep, auditLimit }: Config): string {
  const time = auditKeep === 0 ? 'for ever' : `for ${auditKeep} seconds`;
  return `keep entries of the audit log ${time}${auditLimit === 0 ? '' : `, the newest ${auditLimit} at most`}`;
}

/** What is said of the backend besides its name. */
function backendDetails({ backend, nftablesCounters, rejectTcpReset }: Config): string {
  const automatic = backend === 'auto' ? ['iptables where it works, else nftables'] : [];
  const nftables =
    backend === 'auto' || backend === 'nftables'
      ? [
          ...(nftablesCounters === 'off' ? ['nftables without counters for each rule'] : []),
          ...(rejectTcpReset ? ['nftables answers rejected TCP with a reset'] : []),
        ]
      : [];
  const details = [...automatic, ...nftables];
  return details.length === 0 ? '' : ` (${details.join('; ')})`;
}

function serverLines({ outward, local, socket, nonRestful, credentials, logins, block }: Config): string[] {
  const user = credentials === undefined ? '' : ` as ${credentials.username}`;
  const limit =
    logins.failures === undefined
      ? ''
      : `, and block an address for ${block} seconds after ${logins.failures} in ${logins.period} seconds`;
  return [
    ...(outward
      ? [`  listen on ${formatUrl('https', outward.ip, outward.port)} for whitelisted clients that log in${user}`]
      : []),
    ...(outward?.certificates ? [certificateLine(outward.certificates)] : []),
    ...(local
      ? [
          `  listen on http://127.0.0.1:${local.port} and [::1] ${local.authentication ? `for those who log in${user}` : 'without authentication'}`,
        ]
      : []),
    ...(socket
      ? [
          `  listen on unix:${socket.path} for the user that it runs as${socket.group === undefined ? '' : ` and the group ${socket.group}`}`,
        ]
      : []),
    `  slow failed logins down${limit}`,
    ...(nonRestful ? ['  take GET with modify=insert or modify=delete for PUT and DELETE'] : []),
  ];
}

function certificateLine({ authority, roles }: CertificateConfig): string {
  const list = [...roles].map(([name, scopes]) => `${name} (${[...scopes].join(' ')})`).join(', ');
  return `  let those with a certificate of ${authority} in: ${list}`;
}
