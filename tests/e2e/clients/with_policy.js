// SPDX-License-Identifier: Apache-2.0
// with_policy ENDPOINT-URL: the AWS SDK for JavaScript v3 as a client that may do all below reports/2024/ and nothing else:
// fails where something else happens. Packages come from $S3ONRAMP_NODE_MODULES; keys and Region from the environment.
'use strict';
const assert = require('assert');
const path = require('path');
const load = require('module').createRequire(path.join(process.env.S3ONRAMP_NODE_MODULES, 'x.js'));
const { S3 } = load('@aws-sdk/client-s3');

const s3 = new S3({ maxAttempts: 1, endpoint: process.argv[2], forcePathStyle: true });
const Bucket = 'reports';
const denied = (action, promise) => promise.then(() => assert.fail(`went through: ${action}`), (error) => {
  assert.strictEqual(error.name, 'AccessDenied', String(error));
  assert.match(error.message, new RegExp(`^Client team is not authorized to perform ${action} on arn:aws:s3:::\\S+ because no policy`));
});

async function main() {
  const text = async (Key) => (await s3.getObject({ Bucket, Key })).Body.transformToString();
  assert.deepStrictEqual((await s3.listBuckets({})).Buckets.map((b) => b.Name), ['reports']);
  assert.ok((await s3.listObjectsV2({ Bucket, Prefix: '2024/' })).Contents.some((o) => o.Key === '2024/a'));
  assert.strictEqual(await text('2024/a'), 'a');
  await s3.putObject({ Bucket, Key: '2024/javascript', Body: 'j' });
  await s3.copyObject({ Bucket, Key: '2024/copy', CopySource: 'reports/2024/javascript' });
  await s3.deleteObjects({ Bucket, Delete: { Objects: [{ Key: '2024/javascript' }, { Key: '2024/copy' }] } });
  await denied('s3:GetObject', text('2023/x'));
  await denied('s3:PutObject', s3.putObject({ Bucket, Key: '2023/x', Body: 'j' }));
  await denied('s3:GetObject', s3.copyObject({ Bucket, Key: '2024/copy', CopySource: 'foreign/f' }));
  await denied('s3:DeleteObject', s3.deleteObjects({ Bucket, Delete: { Objects: [{ Key: '2024/a' }, { Key: '2023/x' }] } }));
  await denied('s3:ListBucket', s3.listObjectsV2({ Bucket }));
  await denied('s3:ListBucket', s3.listObjectsV2({ Bucket: 'foreign' }));
}

main().catch((error) => { console.error(error); process.exit(1); });
