// SPDX-License-Identifier: Apache-2.0
// node see_drawing.js FILE: opens the lab's page in Chromium and writes what its drawing looks like, as JSON: texts that lie on each
// other or on a way, texts outside of the drawing, and each way with the boxes that it passes.
"use strict";
const path = require("path");
const {chromium} = require(path.join(process.env.S3ONRAMP_NODE_MODULES, "playwright-core"));

function look() {
  const svg = document.querySelector("svg"), all = svg.viewBox.baseVal, overlaps = [], outside = [];
  const inside = (p, b) => p.x > b.x && p.x < b.x + b.width && p.y > b.y && p.y < b.y + b.height;
  const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
  const texts = [...svg.querySelectorAll("text")].map(e => ({words: e.textContent, number: e.classList.contains("number"), box: e.getBBox()}));
  texts.forEach((a, n) => {
    if (a.box.x < 0 || a.box.y < 0 || a.box.x + a.box.width > all.width || a.box.y + a.box.height > all.height) outside.push(a.words);
    for (const b of texts.slice(n + 1)) if (meet(a.box, b.box)) overlaps.push([a.words, b.words]);
  });
  const hosts = [...svg.querySelectorAll(":scope > rect[fill='#fff']")].map(e => ({box: e.getBBox(), text: e.nextElementSibling.textContent}));
  const ways = [...svg.querySelectorAll(".way")].map(e => {
    const through = new Set(), group = e.parentElement.getAttribute("class"), long = e.getTotalLength();
    for (let at = 0; at <= long; at += 2) {
      const p = e.getPointAtLength(at);
      for (const h of hosts) if (inside(p, h.box)) through.add(h.text);
      for (const t of texts) if (!t.number && inside(p, t.box)) overlaps.push([group, t.words]);
    }
    const count = what => svg.querySelectorAll(`.${group} ${what}`).length;
    return {number: group.slice(1), through: [...through], marks: count("circle"), links: (e.getAttribute("d").match(/ L /g) || []).length,
      heads: (e.nextElementSibling.getAttribute("d").match(/Z/g) || []).length};
  });
  return {overlaps, outside, ways, sentence: document.querySelector("p").textContent};
}

(async () => {
  const browser = await chromium.launch({executablePath: "/usr/bin/chromium", timeout: 60000,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server"]});
  const page = await browser.newPage();
  await page.goto("file://" + path.resolve(process.argv[2]), {timeout: 60000});
  console.log(JSON.stringify(await page.evaluate(look)));
  await browser.close();
})().catch(e => {
  console.error(e);
  process.exit(1);
});
