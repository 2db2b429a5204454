// Pictures of the clips for the gallery. The first page that shows a clip draws one of its frames, and the studio keeps that:
// a page full of players would take all the connections that a browser has for one server.
import { h } from "./element.js";
import { server } from "./server.js";

let line = Promise.resolve();
const asked = new Set();

export function posterOf(clip) {
  if (clip.has_poster) return h("img", { src: `/videos/clip-${clip.id}.jpg?${clip.ended_ms}`, alt: "", loading: "lazy" });
  if (!asked.has(clip.id)) {
    asked.add(clip.id);
    line = line.then(() => draw(clip)).catch(() => {});
  }
  return h("span", { class: "no-poster" });
}

async function draw(clip) {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  video.src = `/videos/${clip.files[0]}`;
  try {
    await event(video, "loadeddata");
    video.currentTime = Math.min(1, video.duration / 3);
    await event(video, "seeked");
    const canvas = document.createElement("canvas");
    const scale = Math.min(1, 640 / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = video.videoWidth * scale;
    canvas.height = video.videoHeight * scale;
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
    const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    await server.keepPoster(clip.id, jpeg);
  } finally {
    video.removeAttribute("src");
    video.load();
  }
}

const event = (video, name) => new Promise((done, failed) => {
  const limit = setTimeout(() => failed(new Error(name)), 15_000);
  const end = (how) => () => { clearTimeout(limit); how(); };
  video.addEventListener(name, end(done), { once: true });
  video.addEventListener("error", end(failed), { once: true });
});
