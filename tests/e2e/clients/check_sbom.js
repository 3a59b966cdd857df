// SPDX-License-Identifier: Apache-2.0
// node check_sbom.js FILE: says what CycloneDX's published schema (1.5, strict) does not like in it, and ends with 1; nothing if it is fine.
"use strict";
const path = require("path");
const fs = require("fs");
const {Spec, Validation} = require(path.join(process.env.S3ONRAMP_NODE_MODULES, "@cyclonedx/cyclonedx-library"));

new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(fs.readFileSync(process.argv[2], "utf8")).then(wrong => {
  if (wrong === null) return;
  console.error(JSON.stringify(wrong));
  process.exit(1);
}, e => {
  console.error(e);
  process.exit(2);
});
