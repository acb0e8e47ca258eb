import { addAuditCommand } from './commands/audit.ts';
import { addPutCommands } from './commands/block.ts';
import { addCheckCommand } from './commands/check.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addConfirmCommand } from './commands/confirm.ts';
import { addContextCommands } from './commands/context.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addExportCommand } from './commands/export.ts';
import { addFlushCommand } from './commands/flush.ts';
import { addImportCommand } from './commands/import.ts';
import { addIptablesCommand } from './commands/iptables.ts';
import { addListCommands } from './commands/lists.ts';
import { addListCommand } from './commands/ls.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTokenCommands } from './commands/token.ts';
import { addUnblockCommand } from './commands/unblock.ts';
import { addWatchCommand } from './commands/watch.ts';
import { addWhitelistCommands } from './commands/whitelist.ts';
import type { AddCommands } from './program.ts';

/** All commands, in the order of the help. */
export const commandGroups: readonly AddCommands[] = [
  addPutCommands,
  addUnblockCommand,
  addListCommand,
  addCheckCommand,
  addWatchCommand,
  addStatusCommand,
  addImportCommand,
  addExportCommand,
  addListCommands,
  addWhitelistCommands,
  addTokenCommands,
  addConfirmCommand,
  addAuditCommand,
  addFlushCommand,
  addIptablesCommand,
  addContextCommands,
  addDoctorCommand,
  addCompletionCommand,
];
