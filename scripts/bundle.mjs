// Puts TypeBox into a compiled program, the folder of which is the argument, as one file for each of its entries. It comes as
// seven hundred modules, which a start would need longer to load than all of rfw.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';

const [folder] = process.argv.slice(2);
const entries = { typebox: 'typebox', compile: 'typebox/compile', system: 'typebox/system' };
const vendor = join(folder, 'vendor');

const bundle = await rolldown({ input: entries, platform: 'node', logLevel: 'warn' });
await bundle.write({ dir: vendor, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
await bundle.close();

for (const name of readdirSync(folder, { recursive: true })) {
  const file = join(folder, name);
  if (!name.endsWith('.js') || file.startsWith(vendor)) continue;
  const source = readFileSync(file, 'utf8');
  let bundled = source;
  for (const [entry, specifier] of Object.entries(entries)) {
    const path = relative(dirname(file), join(vendor, `${entry}.js`));
    bundled = bundled.replaceAll(`from '${specifier}'`, `from './${path}'`);
  }
  if (bundled !== source) writeFileSync(file, bundled);
}
