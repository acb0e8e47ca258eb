import type { Page } from './roff.ts';

/** Something that a comment of the configuration explains. */
interface Setting {
  /** The lines that it has in the file, without the # of those that are off. */
  readonly keys: readonly string[];
  readonly meaning: string;
}

/**
 * Takes the page of rfw.conf from the file that `rfw --init` writes: its comments are the documentation of each setting.
 * @param text of config/rfw.conf
 */
export function describeConfig(page: Page, text: string): void {
  const [introduction = '', ...groups] = text.split(/^# --- (?=\S)/m);
  const [paragraphs = ''] = introduction.split(/^\[config\]$/m);
  page.section('NAME').paragraph('rfw.conf - configuration of rfw, the remote firewall');
  page.section('DESCRIPTION');
  for (const paragraph of blocksOf(paragraphs).slice(1)) {
    const lines = paragraph.map((line) => line.replace(/^# ?/, ''));
    if (lines.every((line) => line.startsWith('    '))) page.example(lines.map((line) => line.trim()).join('\n'));
    else page.paragraph(lines.join('\n'));
  }
  page.section('SETTINGS');
  for (const group of groups) {
    const [title = '', ...lines] = group.split('\n');
    page.subsection(title.replace(/ -+$/, ''));
    for (const { keys, meaning } of settingsOf(lines.join('\n'))) page.entry(keys.join(', '), meaning);
  }
}

/** The lines between empty ones; those with nothing but # part them too. */
function blocksOf(text: string): string[][] {
  const blocks: string[][] = [[]];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.trim() === '#') blocks.push([]);
    else blocks.at(-1)?.push(line);
  }
  return blocks.filter((block) => block.length > 0);
}

function settingsOf(text: string): Setting[] {
  return blocksOf(text).map((block) => {
    const settings = block.filter((line) => /^(?:# )?[a-z]+(?:\.[a-z0-9]+)+(?: = .*)?$/.test(line));
    const comments = block.filter((line) => !settings.includes(line)).map((line) => line.replace(/^# ?/, ''));
    return { keys: settings.map((line) => line.replace(/^# /, '')), meaning: comments.join('\n') };
  });
}
