// The programs that a test starts, and the browser.
import { chromium } from "playwright-core";
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const { STUDIO: studioProgram, EMULATOR: emulatorProgram, ARTEFACTS: artefacts } = process.env;
mkdirSync(artefacts, { recursive: true });

export const folder = () => mkdtempSync(join(tmpdir(), "studio-test-"));
export const removeFolder = (path) => rmSync(path, { recursive: true, force: true });

// Starts a program and gives the first line that fits, as an array like that of `String.match`.
async function start(program, args, env, pattern) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("APIMART_")));
  const child = spawn(program, args, { env: { ...clean, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  const stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    return ended;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const found = line.match(pattern);
    if (found) {
      child.stdout.resume();
      return { found, stop, ended };
    }
  }
  throw new Error(`${program} ended with ${await ended}`);
}

export async function startEmulator(data, { port = 0, speed = 40, scenario } = {}) {
  const ca = join(data, `ca-${Date.now()}.pem`);
  const args = ["--port", String(port), "--speed", String(speed), "--ca-out", ca];
  if (scenario) args.push("--scenario", scenario);
  const { found, stop } = await start(emulatorProgram, args, {}, /^ready (https:\/\/127\.0\.0\.1:(\d+))/);
  return { url: found[1], port: Number(found[2]), ca, stop };
}

// With an emulator, as a separate service; without, with the one that the studio has in it.
export async function startStudio(data, { emulator, port = 0, speed = 40 } = {}) {
  const env = emulator
    ? { APIMART_API_KEY: "sk-canary-0123456789", APIMART_BASE_URL: emulator.url, APIMART_CA_FILE: emulator.ca } : {};
  const args = ["--data", data, "--port", String(port), "--speed", String(speed)];
  const { found, stop } = await start(studioProgram, args, env, /studio: +(http:\/\/127\.0\.0\.1:(\d+)\/\?token=([0-9a-f]+))/);
  return { link: found[1], port: Number(found[2]), token: found[3], origin: `http://127.0.0.1:${found[2]}`, stop };
}

export const startBrowser = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
