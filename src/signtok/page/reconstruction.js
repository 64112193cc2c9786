"use strict";
// Movement before and after, drawn from the coordinates in the page. A coordinate is a whole number of ten-thousandths
// of the picture; a hand is 42 of them, null for a landmark or a whole hand that was not seen.

const data = JSON.parse(document.getElementById("data").textContent);
const UNIT = 1e-4;
const FINGERS = data.fingers; // joints, thumb to little finger
const PALM = data.palm;
const pageState = { speed: 1, overlay: false, follow: false };
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let colours = readColours();

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return {
    stage: get("--stage"), ghost: get("--ghost"), palm: get("--palm"), wrist: get("--wrist"), ink: get("--ink"),
    fingers: FINGERS.map((_, finger) => get(`--finger-${finger}`)), map: get("--map-light"),
  };
}

const hue = (id, level) => Math.round((id * 137.508 + level * 47) % 360); // golden angle: near ids look apart

// ---- the skeleton -------------------------------------------------------------------------------------------------

function drawHand(pen, hand, camera, stroke, ghost) {
  const at = (joint) => {
    const x = hand[2 * joint], y = hand[2 * joint + 1];
    return x === null ? null : [(x * UNIT - camera.left) * camera.scale, (y * UNIT - camera.top) * camera.scale];
  };
  const line = (joints, colour, width) => {
    pen.strokeStyle = ghost ? colours.ghost : colour;
    pen.lineWidth = width;
    pen.beginPath();
    for (let i = 1; i < joints.length; i++) {
      const from = at(joints[i - 1]), to = at(joints[i]);
      if (from && to) { pen.moveTo(...from); pen.lineTo(...to); }
    }
    pen.stroke();
  };
  const dot = (joint, radius, colour) => {
    const point = at(joint);
    if (!point) return;
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(...point, radius, 0, 2 * Math.PI);
    pen.fill();
  };
  PALM.forEach((bone) => line(bone, colours.palm, stroke * 0.8));
  FINGERS.forEach((joints, finger) => {
    line(joints, colours.fingers[finger], stroke);
    if (ghost) return;
    joints.forEach((joint) => { dot(joint, stroke * 0.95, colours.stage); dot(joint, stroke * 0.65, colours.fingers[finger]); });
  });
  dot(0, stroke * 1.4, colours.stage);
  dot(0, stroke, ghost ? colours.ghost : colours.wrist);
}

function drawFrame(canvas, camera, hands, ghosts) {
  const pen = fit(canvas);
  const stroke = Math.min(Math.max(camera.hand / camera.side, 0.3), 1) / 50 * canvas.width;
  const view = { ...camera, scale: canvas.width / camera.side };
  pen.lineCap = pen.lineJoin = "round";
  ghosts.filter(Boolean).forEach((hand) => drawHand(pen, hand, view, stroke * 1.25, true));
  hands.filter(Boolean).forEach((hand) => drawHand(pen, hand, view, stroke, false));
}

function fit(canvas) { // one canvas pixel for one pixel of the screen
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  return pen;
}

// ---- a camera that goes with the hands ----------------------------------------------------------------------------

function followCameras(item) {
  const boxes = item.before.map((hands) => {
    const points = hands.filter(Boolean).flat();
    const xs = points.filter((v, i) => i % 2 === 0 && v !== null), ys = points.filter((v, i) => i % 2 === 1 && v !== null);
    if (!xs.length) return null;
    const box = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)].map((v) => v * UNIT);
    return { x: (box[0] + box[1]) / 2, y: (box[2] + box[3]) / 2, side: Math.max(box[1] - box[0], box[3] - box[2]) };
  });
  const sides = boxes.filter(Boolean).map((box) => box.side).sort((a, b) => a - b);
  if (!sides.length) return boxes.map(() => item.camera);
  const side = Math.min(1.5 * sides[Math.floor(0.9 * (sides.length - 1))], item.camera.side);
  return boxes.map((_, frame) => {
    const near = boxes.slice(Math.max(0, frame - 8), frame + 9).filter(Boolean);
    if (!near.length) return item.camera;
    const mean = (key) => near.reduce((sum, box) => sum + box[key], 0) / near.length;
    return { left: mean("x") - side / 2, top: mean("y") - side / 2, side, hand: item.camera.hand };
  });
}

// ---- one recording ------------------------------------------------------------------------------------------------

class Player {
  constructor(item) {
    this.item = item;
    this.frames = item.before.length;
    this.position = 0;
    this.shown = -1; // the frame on the screen; -1 asks for a new drawing
    this.playing = !still.matches;
    this.visible = false;
    this.element = document.getElementById("card").content.cloneNode(true).firstElementChild;
    this.find = (selector) => this.element.querySelector(selector);
    this.fill();
    this.listen();
  }

  fill() {
    const { item } = this;
    this.find("h2").textContent = item.title;
    for (const name of ["text", "read"]) {
      this.find("." + name).textContent = item[name] || (item[name] === "" ? "nothing" : "unknown");
      this.find("." + name).classList.toggle("none", !item[name]);
    }
    if (item.text !== null && item.read !== null) {
      const exact = item.text === item.read, verdict = this.find(".verdict");
      verdict.hidden = false;
      verdict.textContent = exact ? "✓ read exactly" : "✗ differs";
      verdict.classList.add(exact ? "good" : "bad");
    }
    for (const side of ["before", "after"]) this.find("." + side).setAttribute("aria-label", `${item.title}: hands ${side}`);
    this.find(".scrub").max = this.frames - 1;
    this.chips = item.ids[0].map(() => this.find(".chips").appendChild(document.createElement("li")));
    this.find(".strip").style.height = `${Math.max(10, 8 * this.chips.length)}px`;
    for (const [name, value] of item.facts) {
      const entry = this.find(".facts").appendChild(document.createElement("div"));
      entry.appendChild(document.createElement("dt")).textContent = name;
      entry.appendChild(document.createElement("dd")).textContent = value;
    }
    this.showPlaying();
  }

  listen() {
    const scrub = this.find(".scrub"), strip = this.find(".strip");
    this.find(".play").addEventListener("click", () => this.setPlaying(!this.playing));
    scrub.addEventListener("input", () => { this.setPlaying(false); this.position = +scrub.value; });
    const seek = (event) => {
      const share = event.offsetX / strip.clientWidth;
      this.setPlaying(false);
      this.position = Math.min(this.frames - 1, Math.max(0, Math.floor(share * this.frames)));
    };
    strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); seek(event); });
    strip.addEventListener("pointermove", (event) => { if (event.buttons) seek(event); });
    this.element.addEventListener("pointerdown", () => activate(this));
    this.element.addEventListener("focusin", () => activate(this));
    new IntersectionObserver((seen) => { this.visible = seen[seen.length - 1].isIntersecting; }).observe(this.element);
    new ResizeObserver(() => { this.shown = -1; }).observe(this.element);
  }

  setPlaying(playing) { this.playing = playing; this.showPlaying(); showAll(); }

  showPlaying() {
    const button = this.find(".play");
    button.classList.toggle("paused", !this.playing);
    button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  step(frames) {
    this.setPlaying(false);
    this.position = (Math.floor(this.position) + frames + this.frames) % this.frames;
  }

  tick(seconds) {
    if (!this.visible) return;
    if (this.playing) this.position = (this.position + seconds * this.item.fps * pageState.speed) % this.frames;
    const frame = Math.floor(this.position);
    if (frame !== this.shown) this.draw(frame);
  }

  draw(frame) {
    const { item } = this;
    this.shown = frame;
    this.cameras ??= followCameras(item);
    const camera = pageState.follow ? this.cameras[frame] : item.camera;
    drawFrame(this.find(".before"), camera, item.before[frame], []);
    drawFrame(this.find(".after"), camera, item.after[frame], pageState.overlay ? item.before[frame] : []);
    this.drawStrip(frame);
    item.ids[frame].forEach((id, level) => {
      this.chips[level].textContent = id;
      this.chips[level].style.setProperty("--hue", hue(id, level));
    });
    const scrub = this.find(".scrub"), time = `frame ${frame + 1} of ${this.frames}`;
    scrub.value = frame;
    scrub.setAttribute("aria-valuetext", time);
    this.find(".clock").textContent = `${time}, ${(frame / item.fps).toFixed(2)} s`;
  }

  drawStrip(frame) {
    const canvas = this.find(".strip"), pen = fit(canvas), width = canvas.width / this.frames;
    if (this.map?.width !== canvas.width || this.mapColours !== colours) this.paintMap(canvas.width, canvas.height);
    if (canvas.width) pen.drawImage(this.map, 0, 0);
    const ratio = devicePixelRatio || 1, middle = (frame + 0.5) * width;
    pen.fillStyle = colours.stage;
    pen.fillRect(middle - 2.5 * ratio, 0, 5 * ratio, canvas.height);
    pen.fillStyle = colours.ink;
    pen.fillRect(middle - ratio, 0, 2 * ratio, canvas.height);
  }

  paintMap(width, height) { // once for each size: a long recording has thousands of cells
    this.map = Object.assign(document.createElement("canvas"), { width, height });
    this.mapColours = colours;
    const pen = this.map.getContext("2d"), levels = this.chips.length;
    const x = (t) => Math.floor(t * width / this.frames), y = (level) => Math.floor(level * height / levels);
    this.item.ids.forEach((ids, t) => ids.forEach((id, level) => {
      pen.fillStyle = `hsl(${hue(id, level)} 52% ${colours.map})`;
      pen.fillRect(x(t), y(level), Math.max(1, x(t + 1) - x(t)), y(level + 1) - y(level) - 1);
    }));
  }
}

// ---- the page -----------------------------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);
document.title = document.querySelector("h1").textContent = data.heading;
byId("note").textContent = data.note;
const players = data.items.map((item) => new Player(item));
document.querySelector("main").append(...players.map((player) => player.element));
let active = null;

function activate(player) {
  active?.element.classList.remove("active");
  active = player;
  active.element.classList.add("active");
}

function showAll() {
  byId("play-all").textContent = players.some((player) => player.playing) ? "Pause all" : "Play all";
}

function redraw() { players.forEach((player) => { player.shown = -1; }); }

byId("play-all").addEventListener("click", () => {
  const playing = !players.some((player) => player.playing);
  players.forEach((player) => player.setPlaying(playing));
});
byId("speed").addEventListener("input", (event) => {
  pageState.speed = +event.target.value;
  byId("speed-value").textContent = `${pageState.speed.toFixed(1)}×`;
});
for (const name of ["overlay", "follow"]) {
  byId(name).addEventListener("change", (event) => { pageState[name] = event.target.checked; redraw(); });
}
dark.addEventListener("change", () => { colours = readColours(); redraw(); });

addEventListener("keydown", (event) => {
  const player = active ?? players.find((one) => one.visible);
  const slider = event.target.type === "range";
  if (!player || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && event.target.tagName !== "BUTTON" && event.target.type !== "checkbox") {
    event.preventDefault();
    player.setPlaying(!player.playing);
  } else if (!slider && event.key === "ArrowRight") player.step(1);
  else if (!slider && event.key === "ArrowLeft") player.step(-1);
});

let last = performance.now();
requestAnimationFrame(function loop(now) {
  const seconds = Math.min((now - last) / 1000, 0.25); // a tab that slept does not jump
  last = now;
  players.forEach((player) => player.tick(seconds));
  requestAnimationFrame(loop);
});
showAll();
