// Chromium by its protocol: one browser, a new tab for each document. The browser on PATH, else the one that a package brings.
//   PROGRAM browser             `ready`, then `browser PATH VERSION`
//   PROGRAM warm PATH           `ready`; for each line `FILE OUT`, `took MICROSECONDS`
//   (cold is the browser's own command line)
import { accessSync, constants } from 'node:fs';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.cwd() + '/');
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;
const say = (...words) => process.stdout.write(words.join(' ') + '\n');
const now = () => Number(process.hrtime.bigint()) / 1000;
const [role, given] = process.argv.slice(2);

function onPath() {
  for (const folder of process.env.PATH.split(':')) for (const name of ['chromium', 'google-chrome', 'chromium-browser']) {
    try { accessSync(`${folder}/${name}`, constants.X_OK); return `${folder}/${name}`; } catch { /* the next one */ }
  }
  return null;
}

process.env.TMPDIR = process.cwd();  // profiles stay below var/peers, and go with `make clean`
const puppeteer = await load('puppeteer-core');
const path = given ?? onPath() ?? await (await load('@sparticuz/chromium')).executablePath();
// By a pipe: the browser is a session of its own and ends with the pipe, also when this process is killed.
const browser = await puppeteer.launch({ executablePath: path, headless: 'shell', pipe: true, args: ['--no-sandbox', '--disable-gpu'] });
say('ready');
if (role === 'browser') say('browser', path, (await browser.version()).split('/').pop());
else for await (const line of createInterface({ input: process.stdin })) {
  const [file, out] = line.split(' '), begin = now();
  const page = await browser.newPage();
  await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
  await page.pdf({ path: out, preferCSSPageSize: true, printBackground: true });
  await page.close();
  say('took', (now() - begin).toFixed(0));
}
await browser.close();
