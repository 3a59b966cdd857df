// SPDX-License-Identifier: Apache-2.0
// with_sdk FOLDER BUCKET [ENDPOINT-URL | proxy=URL]: exercises S3 with the AWS SDK for JavaScript v3 and fails at the first
// difference. FOLDER holds files to store. Packages come from $S3ONRAMP_NODE_MODULES; keys and Region from the environment.
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const load = require('module').createRequire(path.join(process.env.S3ONRAMP_NODE_MODULES, 'x.js'));
const { S3, PutObjectCommand } = load('@aws-sdk/client-s3');
const { Upload } = load('@aws-sdk/lib-storage');
const { NodeHttpHandler } = load('@smithy/node-http-handler');
const { HttpsProxyAgent } = load('hpagent');

const [folder, Bucket, way] = process.argv.slice(2);
const proxy = way.startsWith('proxy=') && way.slice(6);
const s3 = new S3(proxy
  ? { maxAttempts: 1, requestHandler: new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent({ proxy }) }) }
  : { maxAttempts: 1, endpoint: way, forcePathStyle: true });

const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());
const fails = (status, promise) => promise.then(() => assert.fail(`went through, expected ${status}`), (error) => {
  assert.strictEqual(error.$metadata && error.$metadata.httpStatusCode, status, String(error));
});

async function roundTrips() {
  for (const Key of fs.readdirSync(folder).sort()) {
    const file = path.join(folder, Key);
    // A stream of known length is sent with its checksum in a trailer, in HTTP chunks; large ones go in parts.
    await new Upload({ client: s3, params: { Bucket, Key, Body: fs.createReadStream(file) } }).done();
    assert.strictEqual(sha256(await bytesOf(await s3.getObject({ Bucket, Key }))), sha256(fs.readFileSync(file)), Key);
  }
  const file = path.join(folder, '5MiB');
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    const Key = `stream ${ChecksumAlgorithm}`;
    await s3.send(new PutObjectCommand({
      Bucket, Key, ChecksumAlgorithm, Body: fs.createReadStream(file), ContentLength: fs.statSync(file).size,
    }));
    assert.strictEqual(sha256(await bytesOf(await s3.getObject({ Bucket, Key }))), sha256(fs.readFileSync(file)), Key);
  }
}

async function details() {
  const Metadata = { odd: 'a;b,c="d" /e/ +f+ %20' };
  const { ETag } = await s3.putObject({ Bucket, Key: 'a b+c é~', Body: 'hello, world', Metadata, ContentType: 'text/plain' });
  const head = await s3.headObject({ Bucket, Key: 'a b+c é~' });
  assert.strictEqual(head.ContentLength, 12);
  assert.deepStrictEqual(head.Metadata, Metadata);
  assert.strictEqual((await bytesOf(await s3.getObject({ Bucket, Key: 'a b+c é~', Range: 'bytes=7-11' }))).toString(), 'world');
  await fails(304, s3.getObject({ Bucket, Key: 'a b+c é~', IfNoneMatch: ETag }));
  await fails(404, s3.getObject({ Bucket, Key: 'missing' }));
  await s3.copyObject({ Bucket, Key: 'copy', CopySource: encodeURIComponent(`${Bucket}/a b+c é~`) });
  assert.strictEqual((await bytesOf(await s3.getObject({ Bucket, Key: 'copy' }))).toString(), 'hello, world');
  await s3.putObjectTagging({ Bucket, Key: 'copy', Tagging: { TagSet: [{ Key: 'k', Value: 'a b+c=d' }] } });
  assert.strictEqual((await s3.getObjectTagging({ Bucket, Key: 'copy' })).TagSet[0].Value, 'a b+c=d');
}

async function listsAndDeletes() {
  const keys = [];
  let token;
  do {
    const page = await s3.listObjectsV2({ Bucket, MaxKeys: 3, ContinuationToken: token });
    keys.push(...page.Contents.map((item) => item.Key));
    token = page.NextContinuationToken;
  } while (token);
  assert.ok(keys.length >= 11, keys.join());
  assert.ok(keys.includes('a b+c é~'), keys.join());
  const answer = await s3.deleteObjects({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } });
  assert.strictEqual(answer.Deleted.length, keys.length);
  await s3.deleteBucket({ Bucket });
  await fails(404, s3.headBucket({ Bucket }));
}

(async () => {
  await s3.createBucket({ Bucket });
  await roundTrips();
  await details();
  await listsAndDeletes();
  console.log(`AWS SDK for JavaScript ${load('@aws-sdk/client-s3/package.json').version}: good`);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
