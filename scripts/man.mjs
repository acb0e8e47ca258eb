// Makes the manual pages in man/ from the command lines and the configuration file. With --check it only says whether they are so.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/** src/man/pages.ts as a module: two folders deep, beside what it finds by its own place. */
async function load() {
  const folder = mkdtempSync(join(tmpdir(), 'rfw-man-'));
  try {
    for (const name of ['node_modules', 'package.json', 'config']) symlinkSync(join(root, name), join(folder, name));
    const file = join(folder, 'dist', 'man', 'pages.js');
    const bundle = await rolldown({
      input: join(root, 'src/man/pages.ts'),
      external: /^(?!\.|\/)/,
      platform: 'node',
      logLevel: 'warn',
    });
    await bundle.write({ file, format: 'esm' });
    await bundle.close();
    return await import(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const { manualPages } = await load();
const pages = manualPages(readFileSync(join(root, 'config/rfw.conf'), 'utf8'));
mkdirSync(join(root, 'man'), { recursive: true });
for (const [name, text] of Object.entries(pages)) {
  const file = join(root, 'man', name);
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text);
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`man/${name} is out of date: npm run man`);
    process.exitCode = 1;
  }
}
