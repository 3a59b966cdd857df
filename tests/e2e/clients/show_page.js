// SPDX-License-Identifier: Apache-2.0
// node show_page.js: reads {"token", "shots": FOLDER, "visits": [{"name", "url", "width", "scheme", "wait", "keys"}, …]} from
// stdin, opens each page in Chromium, and writes what a person and a screen reader get of it as one line of JSON for each.
// "again": it is loaded anew. "bare": the address of a page to be timed before. "wait": a text that the page must show first. "motion": "reduce". "keys": keys to press then. "hide": the tab is hidden, and
// the questions of the next seconds are counted.
"use strict";
const path = require("path");
const fs = require("fs");
const {chromium} = require(path.join(process.env.S3ONRAMP_NODE_MODULES, "playwright-core"));

const PATIENCE = 60000;

async function look(page) {
  return page.evaluate(() => {
    const text = id => document.getElementById(id).innerText;
    const rows = id => [...document.querySelectorAll(`#${id} tbody tr`)].map(r => [...r.cells].map(c => c.textContent));
    const tables = {};
    for (const id of ["addresses", "troubles", "transfers", "clients", "buckets", "expires", "cost"]) tables[id] = rows(id);
    return {
      sentence: text("sentence"), evidence: text("evidence"), meta: text("meta"), alarm: text("alarm"), title: document.title, tables,
      who: document.getElementById("verdict").dataset.who, level: document.getElementById("verdict").dataset.level,
      parties: Object.fromEntries([...document.querySelectorAll(".party")].map(p => [p.dataset.who, p.dataset.level])),
      scripts: document.scripts.length, images: document.images.length, all: document.body.innerText,
      sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      first: document.getElementById("parties").getBoundingClientRect().bottom <= innerHeight,
      background: getComputedStyle(document.body).backgroundColor,
      moving: [...document.getAnimations()].filter(a => a.playState === "running").length,
      focused: document.activeElement.getAttribute("aria-label") || document.activeElement.innerText,
      readout: [...document.querySelectorAll(".chart output")].map(o => o.innerText),
    };
  });
}

/* Milliseconds until a page of a few words is there, in a tab that has been used: what the browser takes by itself. */
async function bare(browser, url) {
  const context = await browser.newContext(), page = await context.newPage();
  await page.goto(url, {timeout: PATIENCE});
  await page.waitForLoadState("networkidle", {timeout: PATIENCE});
  await page.reload({timeout: PATIENCE});
  const ms = await page.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd);
  await context.close();
  return ms;
}

async function visit(browser, plan, v) {
  const context = await browser.newContext({viewport: {width: v.width || 1280, height: v.height || (v.width && v.width < 500 ? 844 : 800)},
    colorScheme: v.scheme || "light", reducedMotion: v.motion || "no-preference"});
  const page = await context.newPage(), said = [], asked = [];
  page.on("console", m => said.push(m.type() + ": " + m.text()));
  page.on("pageerror", e => said.push("error: " + e.message));
  page.on("request", r => asked.push(r.url()));
  await page.addInitScript(() => {
    window.refused = [];
    addEventListener("DOMContentLoaded", () => new MutationObserver((_, watch) => {
      window.shown = performance.now();
      watch.disconnect();
    }).observe(document.getElementById("main"), {attributes: true}));
    document.addEventListener("securitypolicyviolation", e => window.refused.push(e.violatedDirective + " " + e.blockedURI));
  });
  const answer = await page.goto(v.url, {timeout: PATIENCE});
  if (v.token) {
    await page.getByLabel(/token/).fill(v.token);
    await page.keyboard.press("Enter");
  }
  await page.locator("#main:not([hidden])").waitFor({timeout: PATIENCE});
  if (v.wait) await page.getByText(v.wait).first().waitFor({timeout: PATIENCE});
  for (const key of v.keys || []) await page.keyboard.press(key);
  if (v.again) { // as in a tab that has been used, and has come to rest
    await page.waitForLoadState("networkidle", {timeout: PATIENCE});
    await page.reload({timeout: PATIENCE});
    await page.waitForFunction(() => window.shown, null, {timeout: PATIENCE});
  }
  const seen = await look(page), roles = {};
  for (const role of ["banner", "main", "contentinfo", "status", "heading", "region", "table", "columnheader", "img", "list"])
    roles[role] = await page.getByRole(role).count();
  seen.roles = roles;
  seen.regions = await page.getByRole("region").evaluateAll(all => all.map(e => e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby")).innerText));
  seen.headers = answer.headers();
  seen.shown = await page.evaluate(() => window.shown); // milliseconds after the address was opened
  if (plan.shots) {
    await page.screenshot({path: path.join(plan.shots, v.name + ".png"), fullPage: !v.fold});
  }
  if (v.hide) {
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", {get: () => window.unseen, configurable: true});
      window.unseen = true;
      document.dispatchEvent(new Event("visibilitychange"));
    });
    const before = asked.length;
    await page.waitForTimeout(v.hide);
    seen.askedHidden = asked.length - before;
    await page.evaluate(() => {
      window.unseen = false;
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await page.waitForResponse(/api\/overview/, {timeout: PATIENCE});
  }
  seen.refused = await page.evaluate(() => window.refused);
  await context.close();
  return {name: v.name, said, asked, ...seen};
}

(async () => {
  const plan = JSON.parse(fs.readFileSync(0));
  const browser = await chromium.launch({executablePath: "/usr/bin/chromium", timeout: PATIENCE,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server"]});
  for (const v of plan.visits) {
    const alone = v.bare ? {bare: await bare(browser, v.bare)} : {};
    console.log(JSON.stringify({...alone, ...await visit(browser, plan, v)}));
  }
  await browser.close();
})().catch(e => {
  console.error(e);
  process.exit(1);
});
