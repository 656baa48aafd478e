// The map of the market: tiles in a squarified layout (Bruls, Huizing, van Wijk 2000). A layout stays for minutes, so that a coin is
// found where it was; in between only colours and words change, each only where it differs. All text goes through textContent.

const sheet = new CSSStyleSheet();
sheet.replaceSync(await (await fetch(new URL("heatmap.css", import.meta.url))).text());

const maps = new WeakMap(); // root -> HeatMap
const LAYOUT_MS = 300_000;
const DEEPEST = 88; // per cent of the tint: words stay readable on it
const PHONE = 640;
const ON_PHONE = 70; // tiles that a phone shows: the most traded

export function render(component) {
  const root = component.parentElement;
  let map = maps.get(root);
  if (!map) {
    map = new HeatMap(root);
    maps.set(root, map);
  }
  map.update(component);
  return undefined;
}

function element(tag, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
}

function say(node, text) { if (node.textContent !== text) node.textContent = text; }

class HeatMap {
  constructor(root) {
    const owner = root.getRootNode();
    owner.adoptedStyleSheets = [...owner.adoptedStyleSheets.filter((s) => s !== sheet), sheet];
    this.node = element("div", "hm");
    this.field = element("div", "field");
    this.scale = element("div", "scale");
    this.ramp = element("span", "ramp");
    this.ends = [element("span"), element("span")];
    this.scale.append(this.ends[0], this.ramp, this.ends[1]);
    this.node.append(this.field, this.scale);
    root.append(this.node);
    this.tiles = new Map();
    this.layouts = 0;
    new ResizeObserver(() => this.draw()).observe(this.node);
    const pick = (event) => {
      const tile = event.target.closest?.("[data-symbol]");
      if (!tile) return;
      for (const kept of this.tiles.values()) kept.node.classList.toggle("chosen", kept.node === tile);
      this.send(tile.dataset.symbol);
    };
    this.field.addEventListener("click", pick);
    this.field.addEventListener("keydown", (event) => { if (event.key === "Enter") pick(event); });
  }

  update(component) {
    this.data = component.data;
    this.send = (symbol) => component.setTriggerValue("pick", symbol);
    this.draw();
  }

  draw() {
    const width = this.node.clientWidth;
    if (!this.data || !width) return;
    const phone = width < PHONE;
    const shown = phone ? this.data.tiles.slice(0, ON_PHONE) : this.data.tiles;
    const height = phone ? 460 : 430;
    this.field.style.height = shown.length ? height + "px" : "";
    this.scale.style.display = shown.length ? "" : "none";
    this.ramp.className = "ramp " + this.data.scale;
    this.ends.forEach((end, i) => say(end, this.data.ends[i]));
    if (!shown.length) {
      this.tiles.clear();
      const empty = element("div", "empty");
      empty.textContent = this.data.empty;
      this.field.replaceChildren(empty);
      this.laid = undefined;
      return;
    }
    this.field.querySelector(".empty")?.remove();
    const names = shown.map((tile) => tile.symbol).sort().join();
    const laid = this.laid;
    if (!laid || laid.width !== width || laid.names !== names || Date.now() - laid.at > LAYOUT_MS) {
      this.place(shown, width, height);
      this.laid = { width, names, at: Date.now() };
      this.node.dataset.layouts = ++this.layouts;
    }
    for (const tile of shown) this.paint(this.tiles.get(tile.symbol), tile);
    this.node.dataset.tiles = shown.length;
  }

  place(shown, width, height) {
    const wanted = new Set(shown.map((tile) => tile.symbol));
    for (const [symbol, kept] of this.tiles) if (!wanted.has(symbol)) { kept.node.remove(); this.tiles.delete(symbol); }
    // The root of the volume: with the volume itself one coin would fill half the map.
    const sizes = shown.map((tile) => ({ symbol: tile.symbol, area: Math.sqrt(Math.max(tile.size, 1)) })).sort((a, b) => b.area - a.area);
    for (const box of squarify(sizes, width, height)) {
      let kept = this.tiles.get(box.symbol);
      if (!kept) {
        const node = element("div", "tile");
        kept = { node, name: element("span", "name"), figure: element("span", "figure") };
        node.append(kept.name, kept.figure);
        node.dataset.symbol = box.symbol;
        node.tabIndex = 0;
        node.setAttribute("role", "button");
        this.tiles.set(box.symbol, kept);
        this.field.append(node);
      }
      const w = Math.max(box.w - 2, 1), h = Math.max(box.h - 2, 1);
      kept.box = { w, h };
      Object.assign(kept.node.style, { left: box.x + 1 + "px", top: box.y + 1 + "px", width: w + "px", height: h + "px" });
    }
  }

  paint(kept, tile) {
    const { w, h } = kept.box;
    const letter = Math.min(w / (0.72 * Math.max(tile.name.length, 3)), h / 2.6, 22);
    const size = Math.max(letter, 9);
    const look = letter < 8 ? "tiny" : h < 30 || letter < 9.5 ? "small" : "";
    const tone = this.data.scale === "heat" ? "" : tile.depth > 0 ? "up" : tile.depth < 0 ? "down" : "";
    const classes = ["tile", look, tone, tile.symbol === this.data.chosen ? "chosen" : ""].filter(Boolean).join(" ");
    if (kept.node.className !== classes) kept.node.className = classes;
    const depth = (Math.abs(tile.depth) * DEEPEST).toFixed(1) + "%";
    if (kept.depth !== depth) { kept.depth = depth; kept.node.style.setProperty("--depth", depth); }
    if (kept.size !== size) {
      kept.size = size;
      kept.name.style.fontSize = size.toFixed(1) + "px";
      kept.figure.style.fontSize = Math.max(size * 0.72, 9).toFixed(1) + "px";
    }
    say(kept.name, tile.name);
    say(kept.figure, tile.text);
    if (kept.node.title !== tile.tip) kept.node.title = tile.tip;
  }
}

function squarify(items, width, height) {
  const total = items.reduce((sum, item) => sum + item.area, 0);
  const scale = (width * height) / total;
  const boxes = [];
  let x = 0, y = 0, w = width, h = height, from = 0;
  while (from < items.length) {
    const side = Math.min(w, h);
    let until = from, sum = 0, worst = Infinity;
    while (until < items.length) {
      const added = sum + items[until].area * scale;
      const ratio = Math.max((side * side * items[from].area * scale) / (added * added), (added * added) / (side * side * items[until].area * scale));
      if (ratio > worst) break;
      worst = ratio;
      sum = added;
      until++;
    }
    const thick = sum / side;
    let along = 0;
    for (let i = from; i < until; i++) {
      const long = (items[i].area * scale) / thick;
      boxes.push(w >= h ? { symbol: items[i].symbol, x, y: y + along, w: thick, h: long } : { symbol: items[i].symbol, x: x + along, y, w: long, h: thick });
      along += long;
    }
    if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    from = until;
  }
  return boxes;
}
