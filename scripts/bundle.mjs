// Makes the programs from src, in the folder that is the argument: one file each, beside what they share. A program of hundreds
// of modules would need longer to load than to start. TypeBox, which comes as seven hundred, is put in; the other libraries
// stay in node_modules.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const [folder] = process.argv.slice(2);
const bundle = await rolldown({
  // Programs find files beside the package by their own place, so they stay two folders deep.
  input: { 'daemon/main': 'src/daemon/main.ts', 'certs/rfwgen': 'src/certs/rfwgen.ts', 'cli/main': 'src/cli/main.ts' },
  external: /^(?!\.|\/|typebox)/,
  platform: 'node',
  tsconfig: 'tsconfig.json',
  logLevel: 'warn',
});
await bundle.write({
  dir: folder,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name]-[hash].js',
  comments: { legal: true, annotation: false, jsdoc: false },
});
await bundle.close();
// Its licence goes where its code goes.
copyFileSync('node_modules/typebox/license', join(folder, 'typebox.license'));
