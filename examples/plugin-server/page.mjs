// The server's one page.

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #1d2430; background: #fff }
  h1 { font-size: 1.4rem; margin: 0 }
  p { margin: .3rem 0 1.5rem; color: #5a6475 }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid #dde2ea; vertical-align: top }
  th { font-weight: 600; color: #5a6475 }
  .older { color: #5a6475; font-size: .85rem }
  .error { color: #b3261e }
  @media (prefers-color-scheme: dark) {
    body { color: #e4e8ef; background: #14181f }
    p, th, .older { color: #9aa5b8 }
    th, td { border-color: #2c3442 }
    .error { color: #ff8a80 }
  }`;

export function renderPage(home, applied, plugins) {
  const rows = plugins.map(
    ({ name, version, older, says, error }) => `
      <tr>
        <td>${escape(name)}</td>
        <td><strong>${escape(version)}</strong>${older.length === 0 ? '' : `<div class="older">beside ${escape(older.join(', '))}</div>`}</td>
        <td>${error === undefined ? escape(says) : `<span class="error">does not run: ${escape(error)}</span>`}</td>
      </tr>`,
  );
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Plugin server</title>
    <style>${STYLE}</style>
  </head>
  <body>
    <h1>${applied.length === 0 ? 'Not patched' : `Patched: ${escape(applied.join(', '))}`}</h1>
    <p>Plugins that run in ${escape(home)}</p>
    <table>
      <thead><tr><th>Plugin</th><th>Version</th><th>Says</th></tr></thead>
      <tbody>${rows.join('')}</tbody>
    </table>
  </body>
</html>
`;
}

function escape(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
