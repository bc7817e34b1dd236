"""What runs at the edge around a request to the site: which file a path stands for, and which status a miss has.

docs/decisions/0023-the-edge-knows-the-paths.md says why it asks a key value store, and
docs/decisions/0024-sites-of-many-pages.md how a site of many pages differs. What the store has:
release/static/routes.py writes it.
"""

from typing import Final

_TARGET: Final = """\
import cf from 'cloudfront';

// Its keys are the paths of the site's files, as encodeURI writes them, and '/_astro/' for a folder with content-hashed
// ones; '/' has what other paths get. Content-hashed files under assets/ are not in it.
const store = cf.kvs();

// {uri} of the file that is served, or {location} of the address that the page has.
async function target(uri, headers) {
  const folder = uri.endsWith('/');
  const hashed = uri.startsWith('/assets/');
  if (uri === '/') return {uri: '/index.html'};
  if (hashed && !folder) return {uri: uri};
  try {
    const key = toKey(uri);
    if (key && !folder && await store.exists(key)) return {uri: uri};
    const rest = await store.get('/');
    const name = folder ? key.slice(0, -1) : key;
    const index = name && await store.exists(name + '/index.html');
    if (rest === '/index.html') {
      if (index) return {uri: uri + (folder ? '' : '/') + 'index.html'};
    } else if (name) {
      const page = !(folder && index) && await store.exists(name + '.html');
      if (page) return folder ? {location: '/' + name} : {uri: uri + '.html'};
      if (index) return folder ? {uri: uri + 'index.html'} : {location: '/' + name + '/'};
    }
    const miss = hashed || !rest.startsWith('/') || isPart(uri, headers) || (hasDot(uri) && await inHashed(key));
    return {uri: miss || (!key && hasDot(uri)) ? uri : rest};
  } catch (error) {
    // No '/' in the store: nothing was released to it yet. Or it does not answer.
    return {uri: hashed || hasDot(uri) ? uri : '/index.html'};
  }
}

// Empty for what no file of the store has: a path that is no encoded text, or too long, or begins with two slashes.
function toKey(uri) {
  let key = '';
  try {
    key = encodeURI(decodeURIComponent(uri.slice(1)));
  } catch (error) {
    return '';
  }
  return key.startsWith('/') || key.length + '/index.html'.length > 512 ? '' : key;
}

// Files of releases before, which an open page may still load, are in the bucket, and not in the store.
async function inHashed(key) {
  const end = key.indexOf('/');
  return end > 0 && await store.exists('/' + key.slice(0, end + 1));
}

// A browser loads it for a page that it has: a file that the store has not heard of yet, or none; a page never.
function isPart(uri, headers) {
  const accept = headers.accept ? headers.accept.value : '';
  return headers['sec-fetch-dest'] !== undefined && accept.indexOf('text/html') < 0 && hasDot(uri);
}

function hasDot(uri) {
  return uri.indexOf('.', uri.lastIndexOf('/')) >= 0;
}
"""

CODE: Final = (
    _TARGET
    + """
async function handler(event) {
  const request = event.request;
  const to = await target(request.uri, request.headers);
  if (to.location === undefined) {
    request.uri = to.uri;
    return request;
  }
  // Not for ever: the next release may have the page at the other address.
  const headers = {location: {value: to.location + query(request.querystring)}, 'cache-control': {value: 'no-cache'}};
  return {statusCode: 302, statusDescription: 'Found', headers: headers};
}

function query(parameters) {
  const parts = [];
  Object.keys(parameters || {}).forEach(name => {
    const values = parameters[name].multiValue || [parameters[name]];
    values.forEach(one => parts.push(one.value === '' ? name : name + '=' + one.value));
  });
  return parts.length ? '?' + parts.join('&') : '';
}
"""
)
"""For viewer requests. It runs in cloudfront-js-2.0, which has async functions and key value stores, and takes 10 KB of
code at most."""

RESPONSE_CODE: Final = (
    _TARGET
    + """
// The page of a miss is a file, and comes with status 200. AWS does not say whether `request` has the path before or
// after the function for requests: for either, `target` leads to the file that was served.
async function handler(event) {
  const request = event.request, response = event.response;
  const type = response.headers['content-type'];
  if (response.statusCode < 300 && type && type.value.startsWith('text/html')) {
    const to = await target(request.uri, request.headers);
    if (to.uri === '/404.html') {
      response.statusCode = 404;
      response.statusDescription = 'Not Found';
    }
  }
  return response;
}
"""
)
"""For viewer responses of a site of many pages. CloudFront does not run it for errors of the origin."""
