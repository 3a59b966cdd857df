// SPDX-License-Identifier: Apache-2.0
// simulate: policies decided by @cloud-copilot/iam-simulate, which is somebody else's. One JSON object a line on stdin:
// {"policies": [[name, document], …], "asks": [{"action", "resource", "context": {key: value or [values]}}, …]};
// one a line on stdout: a list of "allow", "deny", "refuse".
'use strict';
const readline = require('readline');
const { createRequire } = require('module');
const path = require('path');

const modules = createRequire(path.join(process.env.S3ONRAMP_NODE_MODULES, 'x.js'));
const { runUnsafeSimulation } = modules('@cloud-copilot/iam-simulate');
const RESULTS = { Allowed: 'allow', ExplicitlyDenied: 'deny', ImplicitlyDenied: 'refuse' };

function decide(policies, ask) {
    const result = runUnsafeSimulation({
        request: {
            principal: 'arn:aws:iam::111122223333:user/alice',
            action: `s3:${ask.action}`,
            resource: { resource: ask.resource, accountId: '111122223333' },
            contextVariables: ask.context,
        },
        identityPolicies: policies.map(([name, policy]) => ({ name, policy })),
        serviceControlPolicies: [],
        resourceControlPolicies: [],
    }, {});
    return RESULTS[result] || String(result);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const { policies, asks } = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(asks.map((ask) => decide(policies, ask)))}\n`);
});
