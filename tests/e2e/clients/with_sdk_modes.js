// SPDX-License-Identifier: Apache-2.0
// with_sdk_modes FOLDER BUCKET KEY ENDPOINT [bare]: what the AWS SDK for JavaScript v3 can sign besides a header over a
// hash: streams (checksum in a trailer), presigned URLs, forms. Fails at the first difference.
//
// FOLDER holds the files small, medium; KEY is an odd one. ENDPOINT is a URL, or "-" for S3's own names by way of
// HTTPS_PROXY, which this SDK has to be told. bare: the server takes no trailers, streams are left out.
// Leaves behind: KEY, posted (medium), presigned (small), and unless bare a stream for each of ALGORITHMS (medium).
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const load = require('module').createRequire(path.join(process.env.S3ONRAMP_NODE_MODULES, 'x.js'));
const { S3, GetObjectCommand, PutObjectCommand } = load('@aws-sdk/client-s3');
const { createPresignedPost } = load('@aws-sdk/s3-presigned-post');
const { getSignedUrl } = load('@aws-sdk/s3-request-presigner');
const { NodeHttpHandler } = load('@smithy/node-http-handler');
const { HttpsProxyAgent } = load('hpagent');
const { send, sendForm } = require('./send.js');

const ALGORITHMS = ['CRC32', 'CRC32C', 'SHA1', 'SHA256'];
const [folder, Bucket, odd, endpoint, bare] = process.argv.slice(2);
const agent = endpoint === '-' ? new HttpsProxyAgent({ proxy: process.env.HTTPS_PROXY }) : undefined;
const s3 = new S3(agent
  ? { maxAttempts: 1, requestHandler: new NodeHttpHandler({ httpsAgent: agent }) }
  : { maxAttempts: 1, endpoint, forcePathStyle: true });
const content = (name) => fs.readFileSync(path.join(folder, name));
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

async function streams() {
  for (const ChecksumAlgorithm of ALGORITHMS) {
    const Body = fs.createReadStream(path.join(folder, 'medium'));
    await s3.putObject({ Bucket, Key: ChecksumAlgorithm, ChecksumAlgorithm, Body, ContentLength: content('medium').length });
    console.log(`streamed with ${ChecksumAlgorithm}`);
  }
}

(async () => {
  await s3.putObject({ Bucket, Key: odd, Body: content('medium') });
  if (!bare) await streams();
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'presigned' }), { expiresIn: 60 });
  assert.strictEqual((await send('PUT', put, content('small'), agent)).status, 200);
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: odd }), { expiresIn: 60 });
  const got = await send('GET', get, null, agent);
  assert.strictEqual(sha256(got.body), sha256(content('medium')), `presigned GET: ${got.status}`);
  const { url, fields } = await createPresignedPost(s3, {
    Bucket, Key: 'posted', Expires: 60, Conditions: [['content-length-range', 1, 1 << 20]], Fields: { success_action_status: '201' },
  });
  const posted = await sendForm(url, fields, content('medium'), agent);
  assert.deepStrictEqual([posted.status, /<Key>posted<\/Key>/.test(posted.body)], [201, true], String(posted.body));

  const expected = { [odd]: 'medium', posted: 'medium', presigned: 'small' };
  if (!bare) for (const name of ALGORITHMS) expected[name] = 'medium';
  for (const [Key, name] of Object.entries(expected)) {
    const answer = await s3.getObject({ Bucket, Key });
    assert.strictEqual(sha256(Buffer.from(await answer.Body.transformToByteArray())), sha256(content(name)), Key);
  }
  await s3.putObject({ Bucket, Key: 'deleted', Body: 'deleted' });
  await s3.deleteObject({ Bucket, Key: 'deleted' });
  const listed = (await s3.listObjectsV2({ Bucket })).Contents.map((item) => item.Key);
  assert.deepStrictEqual(listed.sort(), Object.keys(expected).sort());
  console.log(`AWS SDK for JavaScript ${load('@aws-sdk/client-s3/package.json').version}: good`);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
