// The status page in a real browser. usage: node page.mjs MODULES CHROMIUM ADMIN GATEWAY PICTURES; prints a line of JSON for each check.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [modules, executablePath, admin, gateway, pictures] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const check = (name, holds, told = '') => console.log(JSON.stringify({ name, holds: Boolean(holds), told: String(told) }));
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });

// A page that notes everything that should not be.
const open = async (path, options) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong = [];
  page.on('console', (message) => { if (message.type() === 'error') wrong.push(message.text()); });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('dialog', (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (!request.url().startsWith(admin)) wrong.push(`a request to ${request.url()}`); });
  const answer = await page.goto(admin + path);
  return { context, page, wrong, size: (await answer.body()).length, policy: answer.headers()['content-security-policy'] };
};

const accessible = async (page, where) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ').slice(0, 200)}`);
  check(`axe finds nothing, ${where}`, violations.length === 0, told.join('; '));
};

const text = (page, selector) => page.locator(selector).first().innerText();

{
  const { context, page, size, policy } = await open('/status', { javaScriptEnabled: false, viewport: { width: 1280, height: 900 } });
  check('the page is below 100 KiB', size < 100 << 10, `${size} bytes`);
  check('the page may load nothing', /^default-src 'none'/.test(policy) && !policy.includes('unsafe'), policy);
  const whole = await text(page, 'body');
  for (const part of ['ready', 'Permitted: 41 in the last hour', 'signature_missing', 'signature_invalid', 'replayed', 'keys', 'retiring', 'Safe to retire',
    'Claims remembered', '127.0.0.1', 'ends in', 'in force as generation 2', 'refused; the configuration before serves on', 'explained']) {
    check(`without JavaScript it says: ${part}`, whole.includes(part));
  }
  check('charts are drawn', await page.locator('figure svg rect').count() >= 2);
  check('what a client or a file wrote is text', whole.includes('<img/src=x/onerror=alert(1)>') && await page.locator('img').count() === 0);
  await page.screenshot({ path: `${pictures}/light.png`, fullPage: true });
  await page.locator('#kept a').first().click();
  check('a kept request is explained', (await text(page, 'pre')).includes('cause'), await page.title());
  await page.screenshot({ path: `${pictures}/explanation.png`, fullPage: true });
  await context.close();
}

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1280, 360]) {
    const { context, page, wrong } = await open('/status', { colorScheme, viewport: { width, height: 800 } });
    const where = `${colorScheme}, ${width} px`;
    await accessible(page, where);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check(`nothing scrolls sideways but tables and charts, ${where}`, wide <= width, `${wide} px`);
    await page.screenshot({ path: `${pictures}/${colorScheme}-${width}.png`, fullPage: true });
    check(`no error and no violation of the policy, ${where}`, wrong.length === 0, wrong.join('; '));
    await context.close();
  }
}

{
  const { context, page, wrong } = await open('/status', { viewport: { width: 1280, height: 900 } });
  const before = await text(page, 'figure.refused figcaption');
  await fetch(gateway, { method: 'POST', body: 'unsigned' });
  const changed = (old) => document.querySelector('figure.refused figcaption').innerText !== old;
  const alive = await page.waitForFunction(changed, before, { timeout: 20_000 }).then(() => true, () => false);
  check('with JavaScript it keeps up', alive, `${before} -> ${await text(page, 'figure.refused figcaption')}`);
  const seen = new Set();
  for (let turn = 0; turn < 60 && !seen.has('A'); turn += 1) {
    await page.keyboard.press('Tab');
    const [name, outline] = await page.evaluate(() => [document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]);
    seen.add(name);
    if (outline === 'none') wrong.push(`no outline around ${name}`);
  }
  check('the keyboard reaches buttons, tables and links', ['BUTTON', 'DIV', 'A'].every((name) => seen.has(name)), [...seen].join(' '));
  await page.getByRole('button', { name: 'Pause' }).press('Enter');
  check('it can be stopped', await page.getByRole('button', { name: 'Go on' }).count() === 1);
  check('no error while it is live', wrong.length === 0, wrong.join('; '));
  await context.close();
}
await browser.close();
