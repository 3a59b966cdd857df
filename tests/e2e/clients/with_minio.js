// SPDX-License-Identifier: Apache-2.0
// with_minio FOLDER BUCKET KEY ENDPOINT: exercises S3 with minio's client for JavaScript and fails at the first difference.
//
// FOLDER holds the files small, medium, large; KEY is an odd one. ENDPOINT is a URL, or "-" for S3's own names by way of
// HTTPS_PROXY, which this client has to be told. Leaves behind: small, KEY, copied, posted (medium), large, presigned (small).
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const load = require('module').createRequire(path.join(process.env.S3ONRAMP_NODE_MODULES, 'x.js'));
const Minio = load('minio');
const { HttpsProxyAgent } = load('hpagent');
const { send, sendForm } = require('./send.js');

const [folder, bucket, odd, endpoint] = process.argv.slice(2);
const region = process.env.AWS_REGION;
const url = new URL(endpoint === '-' ? `https://s3.${region}.amazonaws.com` : endpoint);
const agent = endpoint === '-' ? new HttpsProxyAgent({ proxy: process.env.HTTPS_PROXY }) : undefined;
const client = new Minio.Client({
  endPoint: url.hostname,
  port: Number(url.port) || 443,
  useSSL: url.protocol === 'https:',
  region,
  pathStyle: true,
  partSize: 5 << 20,
  transportAgent: agent,
  accessKey: process.env.AWS_ACCESS_KEY_ID,
  secretKey: process.env.AWS_SECRET_ACCESS_KEY,
});
const content = (name) => fs.readFileSync(path.join(folder, name));
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

async function read(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

(async () => {
  await client.putObject(bucket, 'small', content('small'));
  await client.putObject(bucket, odd, content('medium'), content('medium').length, { 'x-amz-meta-odd': 'a  b;c,d' });
  await client.putObject(bucket, 'large', fs.createReadStream(path.join(folder, 'large')));
  await client.putObject(bucket, 'deleted', content('small'));
  await client.copyObject(bucket, 'copied', `/${bucket}/${odd}`, new Minio.CopyConditions());

  assert.strictEqual((await send('PUT', await client.presignedPutObject(bucket, 'presigned', 60), content('small'), agent)).status, 200);
  const got = await send('GET', await client.presignedGetObject(bucket, odd, 60), null, agent);
  assert.strictEqual(sha256(got.body), sha256(content('medium')), `presigned GET: ${got.status}`);
  const policy = client.newPostPolicy();
  policy.setBucket(bucket);
  policy.setKey('posted');
  policy.setExpires(new Date(Date.now() + 60000));
  policy.setContentLengthRange(1, 1 << 20);
  const form = await client.presignedPostPolicy(policy);
  assert.strictEqual((await sendForm(form.postURL, form.formData, content('medium'), agent)).status, 204);

  const expected = { small: 'small', [odd]: 'medium', copied: 'medium', large: 'large', presigned: 'small', posted: 'medium' };
  for (const [key, name] of Object.entries(expected)) {
    assert.strictEqual(sha256(await read(await client.getObject(bucket, key))), sha256(content(name)), key);
    console.log(`read ${key}`);
  }
  await client.removeObject(bucket, 'deleted');
  const listed = [];
  for await (const item of client.listObjectsV2(bucket, '', true)) listed.push(item.name);
  assert.deepStrictEqual(listed.sort(), Object.keys(expected).sort());
  console.log(`minio ${load('minio/package.json').version}: good`);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
