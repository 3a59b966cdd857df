// SPDX-License-Identifier: Apache-2.0
// send: plain HTTP requests without any SDK, for presigned URLs and forms. Resolves to { status, headers, body }.
'use strict';
const http = require('http');
const https = require('https');

function send(method, url, body, agent, headers = {}) {
  const target = new URL(url);
  const options = { method, headers: { ...headers }, agent: target.protocol === 'https:' ? agent : undefined };
  if (body) options.headers['Content-Length'] = body.length;
  return new Promise((resolve, reject) => {
    const request = (target.protocol === 'https:' ? https : http).request(target, options, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces) }));
    });
    request.on('error', reject);
    request.end(body || undefined);
  });
}

// A browser's form: fields first, the file last.
function sendForm(url, fields, file, agent) {
  const boundary = `----form${Math.random().toString(16).slice(2)}`;
  const part = (name, more) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
  const pieces = Object.entries(fields).map(([name, value]) => Buffer.from(`${part(name, '')}${value}\r\n`));
  const head = part('file', '; filename="medium"\r\nContent-Type: application/octet-stream');
  pieces.push(Buffer.from(head), file, Buffer.from(`\r\n--${boundary}--\r\n`));
  return send('POST', url, Buffer.concat(pieces), agent, { 'Content-Type': `multipart/form-data; boundary=${boundary}` });
}

module.exports = { send, sendForm };
