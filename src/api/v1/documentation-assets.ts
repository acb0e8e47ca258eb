/** The style of the documentation. */
export const style = `
:root { color-scheme: light dark; --line: #8886; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; display: grid; grid-template: auto 1fr / 19rem minmax(0, 60rem); gap: 0 2rem; padding: 0 1.5rem; }
header { grid-column: 1 / -1; border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: center; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; font-size: 13px; }
nav h2 { font-size: 13px; margin: 1rem 0 0; }
nav ul { list-style: none; margin: 0; padding: 0; }
section { border-top: 1px solid var(--line); padding-bottom: 1rem; }
h1 { font-size: 20px; } h3 { margin-bottom: 0; } h4 { margin: 1rem 0 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
pre { background: #8882; padding: .75rem; overflow: auto; }
code, pre { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; max-height: none; } }
`;

/** Shows the routes that have all the words of the search. */
export const script = `
const search = document.getElementById('search');
const routes = [...document.querySelectorAll('[data-route]')].map((element) => {
  const target = element.tagName === 'LI' ? document.getElementById(element.querySelector('a').hash.slice(1)) : element;
  return { element, words: target.textContent.toLowerCase() };
});
search.addEventListener('input', () => {
  const wanted = search.value.toLowerCase().split(' ').filter(Boolean);
  for (const { element, words } of routes) element.hidden = !wanted.every((word) => words.includes(word));
});
`;
