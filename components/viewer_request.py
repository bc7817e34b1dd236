"""What runs at the edge before a request is answered from cache or bucket: which file a path stands for.

docs/decisions/0023-the-edge-knows-the-paths.md says why it asks a key value store, and what the store has:
release/static/routes.py writes it.
"""

from typing import Final

CODE: Final = """\
import cf from 'cloudfront';

// Its keys are the paths of the site's files, as encodeURI writes them; '/' has what other paths get.
// Content-hashed files are not in it: all of theirs are under assets/.
const store = cf.kvs();

async function handler(event) {
  const request = event.request;
  request.uri = await file(request.uri, request.headers);
  return request;
}

async function file(uri, headers) {
  const folder = uri.endsWith('/');
  const hashed = uri.startsWith('/assets/');
  if (uri === '/') return '/index.html';
  if (hashed && !folder) return uri;
  try {
    const key = encodeURI(decodeURIComponent(uri.slice(1)));
    const index = key + (folder ? '' : '/') + 'index.html';
    if (index.length > 512) return guess(uri, hashed);
    if (!folder && await store.exists(key)) return uri;
    if (await store.exists(index)) return uri + (folder ? '' : '/') + 'index.html';
    const page = await store.get('/');
    return hashed || isPart(uri, headers) ? uri : page;
  } catch (error) {
    // No '/' in the store: nothing was released to it yet. Or it does not answer, or the path is no encoded text.
    return guess(uri, hashed);
  }
}

// A browser loads it for a page that it has: a file that the store has not heard of yet, or none; a page never.
function isPart(uri, headers) {
  const accept = headers.accept ? headers.accept.value : '';
  return headers['sec-fetch-dest'] !== undefined && accept.indexOf('text/html') < 0 && hasDot(uri);
}

function guess(uri, hashed) {
  return hashed || hasDot(uri) ? uri : '/index.html';
}

function hasDot(uri) {
  return uri.indexOf('.', uri.lastIndexOf('/')) >= 0;
}
"""
"""Runs in cloudfront-js-2.0, which has async functions and key value stores, and takes 10 KB of code at most."""
