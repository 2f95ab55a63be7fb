// The panel "Hear it". Audio comes by scripts (a page from a disk may load no other
// files), each of which calls hearUtterance with one recording and its attacked versions.
"use strict";
(() => {
const panel = document.getElementById("hear");
if (!panel) { return; }
const scripts = JSON.parse(document.getElementById("hear-choices").textContent);
const select = (name) => panel.querySelector(`select[name=${name}]`);
const part = (name) => panel.querySelector(`[data-is=${name}]`);
const figures = [...panel.querySelectorAll("figure[data-kind]")];
const WINDOW_SECONDS = 0.025;
const FLOOR_DB = -100, TOP_DB = -20;
let recording = null;  // the chosen one, as its script has it, with samples of each clip
let player = null;  // the audio output: made at the first click
let playing = null;

// -- loading ------------------------------------------------------------------------

const loaded = new Map();
window.hearUtterance = (found) => { document.currentScript.deliver(found); };

function load(number) {
  if (!loaded.has(number)) {
    loaded.set(number, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.deliver = resolve;
      script.onerror = () => {
        loaded.delete(number);
        reject(new Error(`${scripts[number]} is not there: keep the folder "audio" beside the page.`));
      };
      script.src = scripts[number];
      document.head.append(script);
    }));
  }
  return loaded.get(number);
}

async function samplesOf(found, place) {
  found.samples ??= [];
  if (!found.samples[place]) {
    const bytes = Uint8Array.from(atob(found.clips[place]), (one) => one.charCodeAt(0));
    const decoder = new OfflineAudioContext(1, 1, found.rate);
    found.samples[place] = (await decoder.decodeAudioData(bytes.buffer)).getChannelData(0);
  }
  return found.samples[place];
}

// -- choosing -----------------------------------------------------------------------

function fill(name, values) {
  const box = select(name), before = box.value;
  const unique = [...new Set(values)];
  box.replaceChildren(...unique.map((value) => new Option(value, value)));
  if (unique.includes(before)) { box.value = before; }
}

function chosen() {
  const versions = recording.versions;
  fill("system", versions.map((one) => one.system));
  const mine = versions.filter((one) => one.system === select("system").value);
  fill("attack", mine.map((one) => one.attack));
  const theirs = mine.filter((one) => one.attack === select("attack").value);
  fill("budget", theirs.map((one) => one.budget));
  return theirs.find((one) => one.budget === select("budget").value);
}

let turn = 0;
async function choose(event) {
  stop();
  const mine = ++turn;
  const error = panel.querySelector(".error");
  error.hidden = true;
  try {
    const found = await load(Number(select("utt").value));
    if (mine !== turn) { return; }
    recording = found;
    if (!event) { begin(); }
    const version = chosen();
    const clean = await samplesOf(found, 0);
    const clip = await samplesOf(found, version.audio);
    if (mine === turn) { show(version, clean, clip); }
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  }
}

// What the page begins with: the first attack that got what it wanted.
function begin() {
  const first = recording.versions.find((one) => one.success) ?? recording.versions[0];
  for (const name of ["system", "attack", "budget"]) {
    select(name).replaceChildren(new Option(first[name], first[name]));
  }
}

// -- showing ------------------------------------------------------------------------

function words(place, marked) {
  const shown = marked.flatMap(([word, mark]) => {
    if (mark === "said") { return [word, " "]; }
    const element = document.createElement("mark");
    element.className = mark;
    element.textContent = word;
    return [element, " "];
  });
  part(place).replaceChildren(...(shown.length ? shown : ["(nothing)"]));
}

const peakOf = (samples) => samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);

function show(version, clean, clip) {
  part("said").textContent = recording.said;
  part("wanted").textContent = version.wanted;
  part("outcome").textContent = version.outcome;
  words("untouched", recording.untouched[version.system]);
  words("heard", version.heard);
  part("top").textContent = recording.rate / 2000;
  const sounds = { clean };
  if (version.whole) {
    sounds.attacked = clip;
  } else {
    const attacked = clean.map((one, place) => one + clip[place]);
    const gain = 0.7 * peakOf(clean) / Math.max(peakOf(clip), 1e-6);
    Object.assign(sounds, { noise: clip, loud: clip.map((one) => gain * one), attacked, gain });
  }
  const peak = Math.max(peakOf(clean), 1e-6);
  for (const figure of figures) {
    const kind = figure.dataset.kind, samples = sounds[kind];
    figure.hidden = !samples;
    figure.samples = samples;
    figure.about = about(kind, version, sounds);
    figure.limit = 1.05 * peak;
    figure.querySelector(".about").textContent = figure.about;
  }
  draw();
}

function about(kind, version, sounds) {
  if (!sounds[kind]) { return ""; }
  const peak = `largest sample ${peakOf(sounds[kind]).toPrecision(2)}`;
  if (kind === "noise") { return version.snr ? `${peak}, ${version.snr} dB below the speech` : peak; }
  if (kind === "loud") { return `${sounds.gain < 10 ? sounds.gain.toPrecision(2) : Math.round(sounds.gain)} times as loud`; }
  return peak;
}

const colour = (name) => getComputedStyle(panel).getPropertyValue(name).trim();
const rgb = (text) => [1, 3, 5].map((place) => parseInt(text.slice(place, place + 2), 16));

function draw() {
  const ramp = ["--spectrum-0", "--spectrum-1", "--spectrum-2"].map((name) => rgb(colour(name)));
  for (const figure of figures) {
    if (!figure.samples) { continue; }
    const title = figure.querySelector(".play").textContent.trim();
    const [wave, spectrum] = figure.querySelectorAll("canvas");
    wave.setAttribute("aria-label", `Waveform. ${title}: ${figure.about}`);
    spectrum.setAttribute("aria-label", `Spectrogram. ${title}`);
    drawWave(wave, figure.samples, figure.limit);
    drawSpectrum(spectrum, figure.samples, ramp);
  }
}

function drawWave(canvas, samples, limit) {
  const width = canvas.width = Math.round(canvas.clientWidth * devicePixelRatio) || 300;
  const height = canvas.height = Math.round(canvas.clientHeight * devicePixelRatio) || 60;
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour("--wave");
  for (let x = 0; x < width; x++) {
    const first = Math.floor(x * samples.length / width);
    const last = Math.max(Math.floor((x + 1) * samples.length / width), first + 1);
    let low = 0, high = 0;
    for (let place = first; place < last && place < samples.length; place++) {
      low = Math.min(low, samples[place]);
      high = Math.max(high, samples[place]);
    }
    const top = height / 2 * (1 - high / limit), bottom = height / 2 * (1 - low / limit);
    pen.fillRect(x, top, 1, Math.max(bottom - top, devicePixelRatio));
  }
}

function drawSpectrum(canvas, samples, ramp) {
  let size = 16;
  while (size < WINDOW_SECONDS * recording.rate) { size *= 2; }
  const hop = Math.max(size / 4, Math.ceil(samples.length / 800));
  const columns = Math.max(Math.ceil((samples.length - size) / hop) + 1, 1);
  const bins = size / 2;
  canvas.width = columns;
  canvas.height = bins;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, bins);
  const taper = Float32Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos(2 * Math.PI * n / size));
  const real = new Float32Array(size), imaginary = new Float32Array(size);
  for (let column = 0; column < columns; column++) {
    for (let n = 0; n < size; n++) {
      real[n] = taper[n] * (samples[column * hop + n] ?? 0);
      imaginary[n] = 0;
    }
    transform(real, imaginary);
    for (let bin = 0; bin < bins; bin++) {
      // A full-scale sine is at 0 dB: the taper sums to half of the window's length.
      const power = (real[bin] ** 2 + imaginary[bin] ** 2) / (size / 4) ** 2;
      const decibel = 10 * Math.log10(power + 1e-12);
      const share = Math.min(Math.max((decibel - FLOOR_DB) / (TOP_DB - FLOOR_DB), 0), 1) * 2;
      const lower = Math.min(Math.floor(share), 1), rest = share - lower;
      const place = 4 * ((bins - 1 - bin) * columns + column);
      for (let n = 0; n < 3; n++) {
        image.data[place + n] = ramp[lower][n] + rest * (ramp[lower + 1][n] - ramp[lower][n]);
      }
      image.data[place + 3] = 255;
    }
  }
  pen.putImageData(image, 0, 0);
}

// A fast Fourier transform in place; the length is a power of two.
function transform(real, imaginary) {
  const size = real.length;
  for (let n = 1, other = 0; n < size; n++) {
    let bit = size >> 1;
    for (; other & bit; bit >>= 1) { other ^= bit; }
    other ^= bit;
    if (n < other) {
      [real[n], real[other]] = [real[other], real[n]];
      [imaginary[n], imaginary[other]] = [imaginary[other], imaginary[n]];
    }
  }
  for (let span = 2; span <= size; span *= 2) {
    for (let n = 0; n < span / 2; n++) {
      const angle = -2 * Math.PI * n / span;
      const cosine = Math.cos(angle), sine = Math.sin(angle);
      for (let low = n; low < size; low += span) {
        const high = low + span / 2;
        const x = cosine * real[high] - sine * imaginary[high];
        const y = sine * real[high] + cosine * imaginary[high];
        real[high] = real[low] - x;
        imaginary[high] = imaginary[low] - y;
        real[low] += x;
        imaginary[low] += y;
      }
    }
  }
}

// -- playing ------------------------------------------------------------------------

function stop() {
  if (!playing) { return; }
  playing.source.onended = null;
  playing.source.stop();
  ended();
}

function ended() {
  playing.figure.querySelector(".play").setAttribute("aria-pressed", "false");
  playing.figure.querySelector(".head").style.left = "";
  playing = null;
}

function play(figure) {
  const again = playing && playing.figure === figure;
  stop();
  if (again) { return; }
  player ??= new AudioContext();
  player.resume();
  const buffer = player.createBuffer(1, figure.samples.length, recording.rate);
  buffer.copyToChannel(figure.samples, 0);
  const source = player.createBufferSource();
  source.buffer = buffer;
  source.connect(player.destination);
  source.onended = ended;
  source.start();
  playing = { figure, source, began: player.currentTime, length: buffer.duration };
  figure.querySelector(".play").setAttribute("aria-pressed", "true");
  follow();
}

function follow() {
  if (!playing) { return; }
  const share = (player.currentTime - playing.began) / playing.length;
  playing.figure.querySelector(".head").style.left = `${100 * Math.min(share, 1)}%`;
  requestAnimationFrame(follow);
}

for (const box of panel.querySelectorAll("select")) { box.addEventListener("change", choose); }
for (const figure of figures) {
  figure.querySelector(".play").addEventListener("click", () => play(figure));
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
let resized = null;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(draw, 200); });
choose();
})();
