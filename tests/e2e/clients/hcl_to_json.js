// SPDX-License-Identifier: Apache-2.0
// node hcl_to_json.js FILE…: files in HCL, Terraform's language, as JSON: {FILE: what it says}. A syntax error is told, with its line.
"use strict";
const path = require("path");
const fs = require("fs");
const {parse} = require(path.join(process.env.S3ONRAMP_NODE_MODULES, "@cdktf/hcl2json"));

(async () => {
  const said = {};
  for (const file of process.argv.slice(2)) said[file] = await parse(file, fs.readFileSync(file, "utf8"));
  console.log(JSON.stringify(said));
})().catch(e => {
  console.error(String(e));
  process.exit(1);
});
