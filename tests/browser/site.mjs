// A tiny site of its own for the bare players: the pages in bare/, the players from node_modules. Being on another
// port, they reach the show as a shop's own pages would: across origins.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const local = (path) => new URL(path, import.meta.url);
const FILES = {
  '/hls': [local('bare/hls.html'), 'text/html; charset=utf-8'],
  '/shaka': [local('bare/shaka.html'), 'text/html; charset=utf-8'],
  '/show-hls': [local('bare/show-hls.html'), 'text/html; charset=utf-8'],
  '/show-shaka': [local('bare/show-shaka.html'), 'text/html; charset=utf-8'],
  '/record.js': [local('bare/record.js'), 'text/javascript; charset=utf-8'],
  '/player.js': [local('../../origin/web/player/dist/vitrine-player.js'), 'text/javascript; charset=utf-8'],
  '/hls.js': [local('node_modules/hls.js/dist/hls.min.js'), 'text/javascript; charset=utf-8'],
  '/shaka.js': [local('node_modules/shaka-player/dist/shaka-player.compiled.js'), 'text/javascript; charset=utf-8'],
};

/** Runs `use` with the site's address; the site is closed afterwards. */
export async function withSite(use) {
  const server = createServer(async (request, response) => {
    const [file, type] = FILES[new URL(request.url, 'http://site').pathname] ?? [];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(await readFile(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
