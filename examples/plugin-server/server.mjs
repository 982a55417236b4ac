// A small plugin server: loads the Node modules in repository/components/plugins, runs the highest version of each, and shows
// on one page which these are and which packs are applied. It knows nothing of prepatch but the list that a start leaves.
// Usage: node server.mjs [HOME]   (HOME: else CARBON_HOME, else this checkout; PORT: 8080; 0 takes any free port)

import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPlugins } from './plugins.mjs';
import { readApplied } from './applied.mjs';
import { renderPage } from './page.mjs';

const home = resolve(process.argv[2] ?? process.env.CARBON_HOME ?? fileURLToPath(new URL('../..', import.meta.url)));
const port = parsePort(process.env.PORT ?? '8080');
const components = join(home, 'repository', 'components');
const plugins = await loadPlugins(join(components, 'plugins'));
const applied = await readApplied(components);

const server = createServer(
  { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 2_000, maxHeaderSize: 8_192 },
  (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return send(response, 405, 'text/plain', 'Only GET and HEAD.\n', { allow: 'GET, HEAD' });
    }
    switch (request.url?.split('?', 1)[0]) {
      case '/':
        return send(response, 200, 'text/html', renderPage(home, applied, plugins.map(describe)));
      case '/plugins.json':
        return sendJson(response, 200, { applied, plugins: plugins.map(describe) });
      case '/health': {
        const failed = plugins.map(describe).filter((plugin) => plugin.error !== undefined);
        const status = failed.length === 0 ? 'ok' : 'failing';
        return sendJson(response, failed.length === 0 ? 200 : 503, { status, failed: failed.map(({ name }) => name) });
      }
      default:
        return send(response, 404, 'text/plain', 'Not here. Try /, /plugins.json or /health.\n');
    }
  },
);
server.maxConnections = 64;

server.on('error', (error) => {
  console.error(`The plugin server cannot listen on 127.0.0.1:${port}: ${error.message}`);
  process.exitCode = 1;
});
server.listen(port, '127.0.0.1', () => {
  console.log(`Plugin server on http://127.0.0.1:${server.address().port} (home ${home})`);
  for (const plugin of plugins.map(describe)) {
    console.log(
      `  ${plugin.name} ${plugin.version}${plugin.error === undefined ? '' : ` does not run: ${plugin.error}`}`,
    );
  }
  console.log(`  applied: ${applied.length === 0 ? 'nothing' : applied.join(', ')}`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    console.log(`${signal}: stopping`);
    server.close();
    setTimeout(() => server.closeAllConnections(), 2_000).unref();
  });
}

/** What the page and the JSON say about a plugin; a plugin that throws is an error to show, not the end of the server. */
function describe({ name, version, folder, older, module, error }) {
  const plugin = { name, version, folder, older };
  if (error !== undefined) return { ...plugin, error };
  try {
    return { ...plugin, says: String(module.say()).slice(0, 500) };
  } catch (thrown) {
    return { ...plugin, error: String(thrown).slice(0, 500) };
  }
}

function send(response, status, type, body, headers = {}) {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}

function sendJson(response, status, value) {
  send(response, status, 'application/json', `${JSON.stringify(value, null, 2)}\n`);
}

function parsePort(text) {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= 65_535) return number;
  console.error(`PORT must be a number from 0 to 65535, not ${JSON.stringify(text)}`);
  process.exit(2);
}
