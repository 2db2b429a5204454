// The studio as somebody uses it who makes videos: in Chromium, against the emulator. Pictures of what was seen are left
// among the artefacts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { artefacts, folder, removeFolder, startBrowser, startEmulator, startStudio } from "./programs.mjs";

let browser;
const folders = [];
const newFolder = () => folders.at(folders.push(folder()) - 1);
before(async () => { browser = await startBrowser(); });
after(async () => {
  await browser?.close();
  folders.forEach(removeFolder);
});

// A page at the studio, which must not complain about anything.
async function open(studio, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("console", (message) => {
    // That the studio is away, or refuses a request, is what some tests are about.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) page.complaints.push(message.text());
  });
  await page.goto(studio.link);
  await page.locator("html[data-ready]").waitFor();
  assert.equal(new URL(page.url()).search, "", "the token does not stay in the address");
  return page;
}
async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}
const shot = (page, name) => page.screenshot({ path: join(artefacts, `${name}.png`) });
const prompt = (page) => page.getByRole("textbox", { name: /^Prompt/ });
const generate = (page) => page.getByRole("button", { name: /^(Generate|Sending)/ });
const card = (page, text) => page.locator(".card", { hasText: text });
const ready = (page, text) => card(page, text).and(page.locator("[data-state=ready]")).waitFor({ timeout: 20_000 });
const kind = (page, name) => page.locator("#kinds").getByRole("radio", { name, exact: true });
const scenario = (data, value) => {
  const path = join(data, "scenario.json");
  writeFileSync(path, JSON.stringify({ progress: "gradual", ...value }));
  return path;
};
async function withStudio(options, run) {
  const data = newFolder();
  const emulator = options.scenario ? await startEmulator(data, { speed: options.speed, scenario: scenario(data, options.scenario) }) : undefined;
  const studio = await startStudio(join(data, "studio"), { ...options, emulator });
  try {
    await run(studio, { emulator, data });
  } finally {
    await studio.stop();
    await emulator?.stop();
  }
}
// A real picture, from warm to cold.
function png(side) {
  const crc = (bytes) => ~bytes.reduce((sum, byte) => {
    sum ^= byte;
    for (let bit = 0; bit < 8; ++bit) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    return sum;
  }, ~0) >>> 0;
  const number = (value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
  const chunk = (name, data) => Buffer.concat([number(data.length), Buffer.from(name), data, number(crc(Buffer.concat([Buffer.from(name), data])))]);
  const row = (y) => [0, ...Array.from({ length: side }, (_, x) => [245 - (200 * (x + y)) / (2 * side), 158 - (40 * y) / side, 11 + (100 * x) / side]).flat()];
  const pixels = Buffer.from(Array.from({ length: side }, (_, y) => row(y)).flat());
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", Buffer.concat([number(side), number(side), Buffer.from([8, 2, 0, 0, 0])])),
    chunk("IDAT", deflateSync(pixels)), chunk("IEND", Buffer.alloc(0))]);
}
// As a file manager lets go of files over a field.
const drop = async (page, place, files) => {
  const transfer = await page.evaluateHandle((all) => {
    const made = new DataTransfer();
    for (const { name, type, base64 } of all)
      made.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type }));
    return made;
  }, files.map((one) => ({ ...one, base64: one.bytes.toString("base64") })));
  await place.dispatchEvent("drop", { dataTransfer: transfer });
};

test("every kind of every model is ordered from its form, and its video comes", async () => {
  await withStudio({ speed: 100 }, async (studio) => {
    const page = await open(studio);
    const { models } = await page.evaluate(() => fetch("/api/studio").then((answer) => answer.json()));
    const picture = png(320);
    const files = [{ name: "a.png", type: "image/png", bytes: picture }];
    let count = 0;
    for (const { id, kinds } of models) {
      for (const name of kinds) {
        const words = `clip number ${++count} of ${id}`;
        await page.locator("#model").selectOption(id);
        await page.locator(`#kinds input[value=${name}]`).check({ force: true });
        for (const field of await page.locator("#fields .pictures").all())
          if (await field.locator(".thumb").count() === 0) await drop(page, field, files);
        const shots = page.locator(".shot textarea");
        if (await shots.count()) for (const one of await shots.all()) await one.fill(words);
        else await prompt(page).fill(words);
        if (name === "motion_control") await page.getByLabel("Motion video").fill("https://example.com/dance.mp4");
        await page.waitForFunction(() => /about \$/.test(document.getElementById("generate").textContent));
        await generate(page).click();
        await card(page, words).waitFor();
      }
    }
    assert.equal(count, models.flatMap((one) => one.kinds).length);
    await page.waitForFunction((n) => document.querySelectorAll(".card[data-state=ready]").length === n, count, { timeout: 60_000 });
    await page.waitForFunction((n) => document.querySelectorAll(".poster img").length === n, count, { timeout: 60_000 });
    const made = await page.evaluate(() => fetch("/api/clips").then((answer) => answer.json()));
    for (const { id, kinds } of models)
      for (const name of kinds) assert.ok(made.some((one) => one.model === id && one.kind === name), `${id} ${name}`);
    await shot(page, "every-kind");
    await close(page);
  });
});

test("what is wrong shows at its field before anything is sent", async () => {
  await withStudio({}, async (studio) => {
    const page = await open(studio);
    await generate(page).click();
    await page.locator("[data-field=prompt] > .error", { hasText: /required|missing/i }).waitFor();
    assert.equal(await prompt(page).getAttribute("aria-invalid"), "true");
    assert.ok(await prompt(page).evaluate((field) => field === document.activeElement), "the first field that is wrong has the focus");
    await prompt(page).fill("word ".repeat(700));
    await page.locator("[data-field=prompt] > .error", { hasText: "3072" }).waitFor();
    await shot(page, "faults");

    await page.locator("#model").selectOption("veo3.1-fast-official");
    await kind(page, "Picture").check({ force: true });
    await prompt(page).fill("the cat looks up");
    await page.getByText("More options").click();
    await page.getByLabel("Seed").fill("-7");
    await generate(page).click();
    await page.locator("[data-field=first_frame_image] > .error", { hasText: /required|missing/i }).waitFor();
    await page.locator("[data-field=seed] > .error", { hasText: "(got -7)" }).waitFor();
    await page.getByText("2 things to fix before it can be sent").waitFor();
    await shot(page, "faults-of-several-fields");
    assert.equal(await page.locator(".card").count(), 0);
    await close(page);
  });
});

test("a storyboard is written, moved about by keys, and judged shot by shot", async () => {
  await withStudio({ speed: 100 }, async (studio) => {
    const page = await open(studio);
    await page.locator("#model").selectOption("kling-v3");
    await kind(page, "Storyboard").check({ force: true });
    const text = (n) => page.getByRole("textbox", { name: `Shot ${n}`, exact: true });
    await text(1).fill("wide shot of a harbour at dawn");
    await text(2).fill("a fisherman coils a rope");
    await page.getByRole("button", { name: "Add a shot" }).click();
    await generate(page).click();
    await page.locator(".shot").nth(2).locator(".error", { hasText: /required|empty|white space|at least/i }).waitFor();
    await text(3).fill("the boat leaves the pier");
    await page.getByLabel("Seconds of shot 3").fill("12");
    await page.locator(".storyboard + .hint + .error, .storyboard ~ .error").filter({ hasText: "15" }).waitFor();
    await shot(page, "storyboard-too-long");
    await page.getByLabel("Seconds of shot 3").fill("4");
    await text(3).press("Alt+ArrowUp");
    assert.equal(await text(2).inputValue(), "the boat leaves the pier");
    await page.waitForFunction(() => /about \$/.test(document.getElementById("generate").textContent));
    await shot(page, "storyboard");
    await text(1).press("Control+Enter");
    await ready(page, "harbour");
    const [made] = await page.evaluate(() => fetch("/api/clips").then((answer) => answer.json()));
    assert.deepEqual(made.request.multi_prompt.map((one) => one.duration), [3, 4, 3]);
    assert.equal(made.request.duration, 10);

    // The other model takes the same as a script.
    await page.locator("#model").selectOption("kling-3.0-turbo");
    await kind(page, "Storyboard").check({ force: true });
    await text(1).fill("dawn; noon");
    await text(2).fill("dusk");
    await generate(page).click();
    await page.locator(".shot").first().locator(".error", { hasText: "semicolon" }).waitFor();
    await text(1).fill("dawn, noon");
    await generate(page).click();
    await ready(page, "dawn, noon · dusk");
    await close(page);
  });
});

test("a dropped picture is looked at, shown, uploaded once it is ordered, and there again with 'Use again'", async () => {
  await withStudio({ speed: 100 }, async (studio) => {
    const page = await open(studio);
    await kind(page, "Picture").check({ force: true });
    const place = page.locator("[data-field=first_frame_image] .pictures");
    await drop(page, place, [{ name: "notes.txt", type: "text/plain", bytes: Buffer.from("no picture at all") }]);
    await place.getByText(/notes\.txt: the picture/).waitFor();
    await drop(page, place, [{ name: "small.png", type: "image/png", bytes: png(64) }]);
    await page.locator("[data-field=first_frame_image] > .error", { hasText: "300" }).waitFor();
    await shot(page, "picture-too-small");
    await place.getByRole("button", { name: "Remove picture 1" }).click();
    await drop(page, place, [{ name: "frame.png", type: "image/png", bytes: png(640) }]);
    await place.locator("img").waitFor();
    await prompt(page).fill("the colours begin to move");
    await page.waitForFunction(() => /about \$/.test(document.getElementById("generate").textContent));
    await shot(page, "picture");
    await generate(page).click();
    await ready(page, "the colours begin to move");
    const metrics = await page.evaluate(() => fetch("/metrics").then((answer) => answer.text()));
    assert.match(metrics, /^apimart_uploads_total 1$/m);
    assert.match(metrics, /^studio_clips\{state="ready"\} 1$/m);

    await place.getByRole("button", { name: "Remove picture 1" }).click();
    await card(page, "the colours begin to move").getByRole("button", { name: "Use again" }).click();
    await place.locator("img").waitFor();
    assert.equal(await prompt(page).inputValue(), "the colours begin to move");
    await close(page);
  });
});

test("progress is live in two windows, a reload in the middle loses nothing, and the video plays and can be sought", async () => {
  await withStudio({ speed: 12 }, async (studio) => {
    const page = await open(studio);
    const other = await page.context().newPage();
    await other.goto(studio.origin);
    await prompt(page).fill("a corgi on the beach");
    await page.waitForFunction(() => document.getElementById("generate").textContent.includes("about $0.57"));
    await generate(page).click();
    await card(other, "corgi").waitFor();
    await other.waitForFunction(() => document.querySelector(".card progress")?.value > 0, null, { timeout: 15_000 });
    assert.match(await other.locator(".card .elapsed").innerText(), /^\d+:\d\d$/);
    assert.match(await other.title(), /^\(1\)/);
    await shot(other, "progress");
    await page.reload();
    await card(page, "corgi").and(page.locator("[data-state=waiting]")).waitFor();
    assert.equal(await prompt(page).inputValue(), "a corgi on the beach", "the form is as it was left");
    await Promise.all([ready(page, "corgi"), ready(other, "corgi")]);

    await page.getByRole("button", { name: /^Play/ }).click();
    await page.waitForFunction(() => document.querySelector("#player video").readyState >= 3);
    await page.evaluate(() => { document.querySelector("#player video").currentTime = 0.5; });
    await page.waitForFunction(() => !document.querySelector("#player video").seeking);
    assert.match(await page.locator("#player .facts").innerText(), /Cost\s+\$0\.57[\s\S]*Task\s+task_/);
    await shot(page, "player");
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#player").getByRole("link", { name: "Download" }).click()]);
    assert.equal(download.suggestedFilename(), "a-corgi-on-the-beach-1.mp4");
    assert.equal(readFileSync(await download.path()).subarray(4, 8).toString(), "ftyp");
    await page.keyboard.press("Escape");
    await page.locator("#player").waitFor({ state: "hidden" });

    await card(page, "corgi").getByRole("button", { name: "Remove" }).click();
    await card(page, "corgi").getByRole("button", { name: "Remove" }).click();
    await card(other, "corgi").waitFor({ state: "detached" });
    await other.close();
    await close(page);
  });
});

test("a failed task says why, an unknown outcome is shown as one and not sent again, and both survive a restart", async () => {
  await withStudio({ speed: 100, scenario: { faults: [{ on: "submit", nth: 2, do: "reset", when: "accepted" }] } }, async (studio, { emulator, data }) => {
    let page = await open(studio);
    await prompt(page).fill("[fail] a scene that is refused");
    await generate(page).click();
    await card(page, "[fail]").getByText("Content policy violation.").waitFor({ timeout: 15_000 });
    await prompt(page).fill("a scene whose answer is lost");
    await generate(page).click();
    await card(page, "answer is lost").getByText("Perhaps bought").waitFor({ timeout: 15_000 });
    await shot(page, "trouble");
    const metrics = await page.evaluate(() => fetch("/metrics").then((answer) => answer.text()));
    assert.match(metrics, /^apimart_submits_total 2$/m);

    const at = studio.port;
    await studio.stop();
    await page.getByText("The studio is not running.").waitFor();
    await shot(page, "studio-away");
    const again = await startStudio(join(data, "studio"), { emulator, port: at });
    try {
      await page.getByText("The studio is not running.").waitFor({ state: "hidden", timeout: 15_000 });
      await card(page, "answer is lost").getByText("Perhaps bought").waitFor();
      const sent = await page.evaluate(() => fetch("/metrics").then((answer) => answer.text()));
      assert.match(sent, /^apimart_submits_total 0$/m, "nothing is sent again by itself");
      // Somebody has looked, and found it.
      const [, lost] = await page.evaluate(() => fetch("/api/clips").then((answer) => answer.json()));
      assert.equal(lost.task_id, "");
      await card(page, "answer is lost").getByLabel("The task's id at the service").fill("task_01KA040K7C5SXNYAVQCM2NB0D1");
      await card(page, "answer is lost").getByRole("button", { name: "Follow it" }).click();
      await card(page, "answer is lost").getByText("Lost sight of it").waitFor({ timeout: 15_000 });
      await close(page);
    } finally {
      await again.stop();
    }
  });
});

test("a studio that is started again goes on with what is under way; one whose service is away says so and goes on, too", async () => {
  const data = newFolder();
  let emulator = await startEmulator(data, { speed: 8, scenario: scenario(data, {}) });
  let studio = await startStudio(join(data, "studio"), { emulator });
  const page = await open(studio);
  await prompt(page).fill("a long way to go");
  await generate(page).click();
  await card(page, "a long way").and(page.locator("[data-state=waiting]")).waitFor();
  assert.equal(await studio.stop("SIGKILL"), "SIGKILL");
  studio = await startStudio(join(data, "studio"), { emulator, port: studio.port });
  await ready(page, "a long way");

  await emulator.stop();
  await prompt(page).fill("nobody is there");
  await generate(page).click();
  await card(page, "nobody is there").getByText("Nothing was bought.").waitFor({ timeout: 30_000 });
  await page.getByText("The service cannot be reached").waitFor();
  await shot(page, "service-away");
  await close(page);
  await studio.stop();
});

test("everything can be done by keyboard alone", async () => {
  await withStudio({ speed: 100 }, async (studio) => {
    const page = await open(studio);
    await page.keyboard.press("n");
    await page.keyboard.type("typed and never clicked");
    await page.keyboard.press("Control+Enter");
    await ready(page, "typed and never clicked");
    await page.locator(".card .poster").focus();
    await page.keyboard.press("Enter");
    await page.locator("#player[open]").waitFor();
    await page.keyboard.press("Escape");
    assert.ok(await page.locator(".card .poster").evaluate((one) => one === document.activeElement), "the focus is back where it was");
    await page.keyboard.press("/");
    await page.keyboard.type("nothing like it");
    await page.getByText("No clip is like that.").waitFor();
    // Every control has a name, and what is focused can be seen.
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Delete");
    const nameless = await page.evaluate(() => [...document.querySelectorAll("button, input:not([hidden]), select, textarea, a[href]")]
      .filter((one) => one.checkVisibility())
      .filter((one) => !(one.getAttribute("aria-label") || one.labels?.length || one.textContent.trim() || one.title)).map((one) => one.outerHTML));
    assert.deepEqual(nameless, []);
    await page.keyboard.press("Escape");
    await page.locator("body").click({ position: { x: 700, y: 20 } });
    await page.keyboard.press("?");
    await page.locator("#shortcuts[open]").waitFor();
    await shot(page, "keyboard");
    await close(page);
  });
});

test("it is dark and light as the system is or as one likes, fits a narrow screen, and keeps still for who wants that", async () => {
  await withStudio({ speed: 100 }, async (studio) => {
    const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const page = await open(studio, { colorScheme: "dark" });
    await prompt(page).fill("a lighthouse in a storm");
    await generate(page).click();
    await ready(page, "lighthouse");
    await page.locator(".poster img").waitFor();
    const dark = await ground(page);
    await shot(page, "dark");
    await page.getByRole("button", { name: "Colours: Auto" }).click();
    const light = await ground(page);
    assert.notEqual(light, dark);
    await page.reload();
    assert.equal(await ground(page), light, "the choice is kept");
    await close(page);

    const narrow = await open(studio, { viewport: { width: 360, height: 740 }, colorScheme: "light", reducedMotion: "reduce", hasTouch: true });
    assert.ok(await prompt(narrow).isVisible());
    await shot(narrow, "narrow-compose");
    await narrow.getByRole("navigation", { name: "Views" }).getByRole("button", { name: /Gallery/ }).click();
    await card(narrow, "lighthouse").waitFor();
    assert.ok(!(await prompt(narrow).isVisible()));
    assert.ok(await narrow.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is beyond the side");
    await shot(narrow, "narrow-gallery");
    await narrow.getByRole("button", { name: /^Play/ }).click();
    await narrow.locator("#player[open]").waitFor();
    await shot(narrow, "narrow-player");
    await close(narrow);
  });
});
