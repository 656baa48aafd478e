// Tables, cards and feeds drawn into one element and changed in place: a cell is touched only when its text changed.
// Texts arrive formatted; nothing here computes a figure. All text goes through textContent.

const sheet = new CSSStyleSheet();
sheet.replaceSync(await (await fetch(new URL("panel.css", import.meta.url))).text());

const panels = new WeakMap(); // root -> Panel

export function render(component) {
  const root = component.parentElement;
  let panel = panels.get(root);
  if (!panel) {
    panel = new Panel(root);
    panels.set(root, panel);
  }
  panel.update(component);
  return undefined;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function tip(node, text) {
  if (text) { if (node.title !== text) node.title = text; } else if (node.title) node.removeAttribute("title");
  return node;
}

class Panel {
  constructor(root) {
    const document_root = root.getRootNode();
    document_root.adoptedStyleSheets = [...document_root.adoptedStyleSheets.filter((s) => s !== sheet), sheet];
    this.body = element("div", "em");
    root.append(this.body);
    this.blocks = [];
  }

  update(component) {
    const wanted = component.data?.blocks ?? [];
    this.send = (name, value) => component.setTriggerValue(name, value);
    wanted.forEach((data, i) => {
      let block = this.blocks[i];
      if (!block || block.kind !== data.kind) {
        const made = new (KINDS[data.kind])(this);
        made.kind = data.kind;
        if (block) block.node.replaceWith(made.node); else this.body.append(made.node);
        this.blocks[i] = block = made;
      }
      const text = JSON.stringify(data);
      if (text !== block.text) { block.text = text; block.draw(data); }
    });
    while (this.blocks.length > wanted.length) this.blocks.pop().node.remove();
  }
}

class Rebuilt { // small blocks: made anew when what they say has changed
  constructor(panel, className) { this.panel = panel; this.node = element("div", className); }
  draw(data) { this.node.replaceChildren(...this.parts(data)); }
}

class Strip extends Rebuilt {
  constructor(panel) { super(panel, "strip"); }
  parts(data) {
    this.node.className = data.dead ? "strip dead" : "strip";
    this.node.dataset.state = data.state.name;
    const state = tip(element("div", "state"), data.state.tip);
    const dot = element("span", "dot " + (data.state.tone ?? "muted"));
    const words = element("div");
    words.append(element("div", "name " + (data.state.tone ?? "muted"), data.state.name));
    if (data.state.why) words.append(element("div", "why", data.state.why));
    state.append(dot, words);
    const items = data.items.map((item) => {
      const box = tip(element("div", "item"), item.tip);
      box.append(element("div", "label", item.label), element("div", "value " + (item.tone ?? ""), item.value));
      return box;
    });
    const badge = data.badge ? [tip(element("div", "badge " + (data.badge.tone ?? "muted"), data.badge.text), data.badge.tip)] : [];
    return [state, ...items, ...badge];
  }
}

class Stats extends Rebuilt {
  constructor(panel) { super(panel, "stats"); }
  parts(data) {
    return data.items.map((item) => {
      const box = tip(element("div", "stat"), item.tip);
      box.append(element("div", "label", item.label), element("div", "value " + (item.tone ?? ""), item.value));
      return box;
    });
  }
}

class Heading extends Rebuilt {
  constructor(panel) { super(panel, "heading"); }
  parts(data) { return [tip(element("span", "text", data.text), data.tip), element("span", "note", data.note ?? "")]; }
}

class Notice extends Rebuilt {
  constructor(panel) { super(panel, "notice"); }
  parts(data) { return [element("b", "", data.title), document.createTextNode(data.text ?? "")]; }
}

class Card extends Rebuilt {
  constructor(panel) { super(panel, "card"); }
  parts(data) {
    const parts = [];
    const head = element("div", "head");
    if (data.title) head.append(element("span", "title", data.title));
    if (data.action) head.append(tip(element("span", "action " + (data.action.tone ?? "muted"), data.action.text), data.action.tip));
    if (data.at) head.append(tip(element("span", "at", data.at.text), data.at.tip));
    if (data.ask) {
      const link = tip(element("span", "link", data.ask.text), data.ask.tip);
      link.onclick = () => this.panel.send("open", data.ask.to);
      head.append(link);
    }
    if (head.childElementCount) parts.push(head);
    for (const section of data.sections ?? []) {
      const box = element("div", "section");
      if (section.label) box.append(tip(element("div", "label", section.label), section.tip));
      box.append(SECTIONS[section.kind](section));
      parts.push(box);
    }
    return parts;
  }
}

const SECTIONS = {
  say: (s) => element("div", "say " + (s.tone ?? ""), s.text),
  grid: (s) => {
    const grid = element("div", "grid");
    for (const item of s.items) {
      const box = tip(element("div"), item.tip);
      box.append(element("div", "label", item.label), element("div", "value " + (item.tone ?? ""), item.value));
      grid.append(box);
    }
    return grid;
  },
  chips: (s) => {
    const chips = element("div", "chips");
    for (const item of s.items) chips.append(tip(element("span", "chip " + (item.tone ?? ""), item.text), item.tip));
    return chips;
  },
  notes: (s) => {
    const list = element("ul", "notes");
    for (const item of s.items) list.append(tip(element("li", item.tone ?? "", item.text), item.tip));
    return list;
  },
  matrix: (s) => {
    const grid = element("div", "matrix");
    grid.style.gridTemplateColumns = `minmax(86px, 1.3fr) repeat(${s.columns.length}, 1fr)`;
    grid.append(element("span", "corner"), ...s.columns.map((name) => element("span", "label", name)));
    for (const row of s.rows) {
      grid.append(element("span", "name", row.label));
      for (const cell of row.cells) {
        const box = element("span", "vote " + cell.tone, cell.text);
        box.style.setProperty("--size", Math.round(cell.size * 34) + "%");
        grid.append(box);
      }
    }
    return grid;
  },
  bars: (s) => {
    const rows = element("div", "rows");
    for (const item of s.items) {
      const track = element("div", "track");
      const fill = element("div", "fill " + (item.tone ?? ""));
      if (s.signed) {
        const half = Math.min(Math.abs(item.size), 1) * 50;
        fill.style.left = (item.size < 0 ? 50 - half : 50) + "%";
        fill.style.width = half + "%";
        track.append(fill, element("span", "mid"));
      } else {
        fill.style.left = 0;
        fill.style.width = Math.max(0, Math.min(item.size, 1)) * 100 + "%";
        track.append(fill);
      }
      rows.append(tip(element("span", "", item.label), item.tip), track, element("span", "n", item.value));
    }
    return rows;
  },
};

class Feed extends Rebuilt {
  constructor(panel) { super(panel, "feed"); }
  parts(data) {
    this.node.className = data.look ? "feed " + data.look : "feed";
    this.node.style.maxHeight = data.height ? data.height + "px" : "";
    if (!data.entries.length) return [element("div", "empty", data.empty)];
    return data.entries.map((entry) => {
      const row = element("div", "entry");
      row.append(tip(element("span", "when", entry.when), entry.tip), element("span", "who " + (entry.tone ?? ""), entry.who),
        element("span", "what", entry.what));
      return row;
    });
  }
}

class Legend extends Rebuilt {
  constructor(panel) { super(panel, "legend"); }
  parts(data) {
    return data.items.map((item) => {
      const entry = element("span", "entry");
      entry.append(element("i", item.look), document.createTextNode(item.text));
      return entry;
    });
  }
}

class Lanes extends Rebuilt {
  constructor(panel) { super(panel, "lanes"); }
  parts(data) {
    if (!data.lanes.length) return [element("div", "empty", data.empty)];
    const axis = element("div", "lane axis");
    const times = element("div", "track");
    for (const mark of data.marks) {
      const text = element("span", "mark", mark.text);
      text.style.left = mark.at * 100 + "%";
      times.append(text);
    }
    axis.append(element("span"), times, element("span"));
    return [...data.lanes.map((lane) => {
      const row = element("div", "lane");
      const track = element("div", "track");
      for (const mark of data.marks) {
        const line = element("i", "grid-line");
        line.style.left = mark.at * 100 + "%";
        track.append(line);
      }
      for (const span of lane.spans) {
        const bar = tip(element("i", "span stage " + span.look), span.tip);
        bar.style.left = span.from * 100 + "%";
        bar.style.width = Math.max(span.to - span.from, 0) * 100 + "%";
        track.append(bar);
      }
      row.append(element("span", "who", lane.key), track, element("span", "pill " + lane.now.tone, lane.now.text));
      row.dataset.key = lane.key;
      return row;
    }), axis];
  }
}

class Life extends Rebuilt {
  constructor(panel) { super(panel, "life"); }
  parts(data) {
    return data.steps.map((step) => {
      const row = element("div", "step");
      row.append(element("span", "knot " + (step.tone ?? "muted")), tip(element("span", "when", step.when), step.tip),
        element("span", "strong " + (step.tone ?? ""), step.name), element("span", "what", step.what));
      return row;
    });
  }
}

class Table {
  constructor(panel) {
    this.panel = panel;
    this.node = element("div", "frame");
    this.scroll = element("div", "scroll");
    this.table = element("table");
    this.head = element("thead");
    this.body = element("tbody");
    this.table.append(this.head, this.body);
    this.scroll.append(this.table);
    this.node.append(this.scroll);
    this.rows = new Map();
    this.held = false; // under the pointer rows keep their places, so that a click meets the row it was aimed at
    this.body.addEventListener("pointerenter", () => { this.held = true; });
    this.body.addEventListener("pointerleave", () => { this.held = false; if (this.data) this.draw(this.data); });
    const pick = (event) => {
      const link = event.target.closest("[data-link]");
      if (link) { this.panel.send("open", link.dataset.link); return; }
      const row = event.target.closest("tr[data-key]");
      if (row && this.data.pick) {
        for (const other of this.rows.values()) other.node.classList.toggle("chosen", other.node === row);
        this.panel.send(this.data.pick, row.dataset.key);
      }
    };
    this.body.addEventListener("click", pick);
    this.body.addEventListener("keydown", (event) => { if (event.key === "Enter") pick(event); });
  }

  draw(data) {
    const columns = JSON.stringify(data.columns);
    if (columns !== this.columns) {
      this.columns = columns;
      const row = element("tr");
      for (const column of data.columns) row.append(tip(element("th", this.classes(column), column.label), column.tip));
      this.head.replaceChildren(row);
      this.body.replaceChildren();
      this.rows.clear();
    }
    this.data = data;
    this.scroll.style.maxHeight = data.height ? data.height + "px" : "";
    this.scroll.classList.toggle("tall", !data.height);
    this.node.dataset.rows = data.rows.length;
    const seen = new Set();
    for (const row of data.rows) {
      seen.add(row.key);
      let kept = this.rows.get(row.key);
      if (!kept) {
        kept = { node: element("tr"), cells: [], texts: [] };
        kept.node.dataset.key = row.key;
        if (data.pick) kept.node.tabIndex = 0;
        data.columns.forEach((column, i) => { kept.node.append(kept.cells[i] = element("td", this.classes(column))); });
        this.rows.set(row.key, kept);
      }
      kept.node.className = (data.pick ? "pick" : "") + (row.chosen ? " chosen" : "");
      row.cells.forEach((cell, i) => {
        const text = JSON.stringify(cell);
        if (text !== kept.texts[i]) { kept.texts[i] = text; this.fill(kept.cells[i], cell, this.classes(data.columns[i])); }
      });
    }
    for (const [key, kept] of this.rows) if (!seen.has(key)) { kept.node.remove(); this.rows.delete(key); }
    this.place(data);
    if (!data.rows.length) {
      if (!this.empty) { this.empty = element("div", "empty"); this.node.append(this.empty); }
      this.empty.textContent = data.empty ?? "";
    } else if (this.empty) { this.empty.remove(); this.empty = undefined; }
  }

  place(data) {
    if (this.held && this.body.childElementCount === data.rows.length) return;
    let before = this.body.firstElementChild;
    for (const row of data.rows) {
      const node = this.rows.get(row.key).node;
      if (node === before) before = before.nextElementSibling; else this.body.insertBefore(node, before);
    }
  }

  classes(column) { return [column.align ?? "", column.wide ? "p" + column.wide : "", column.narrow ? "only-narrow" : "", column.wrap ? "wrap" : "", column.clip ? "clip" : ""].join(" ").trim(); }

  fill(node, cell, classes) {
    node.className = classes;
    if (typeof cell === "string") { node.textContent = cell; tip(node); return; }
    tip(node, cell.tip);
    if (cell.bar !== undefined) {
      let fill = node.querySelector(".fill");
      if (!fill) {
        const bar = element("span", "bar " + (cell.look ?? ""));
        const track = element("span", "track");
        fill = element("span", "fill");
        fill.style.display = "block";
        track.append(fill);
        bar.append(element("span", "n"), track);
        node.replaceChildren(bar);
      }
      node.querySelector(".n").textContent = cell.text;
      fill.style.transform = `scaleX(${Math.max(0, Math.min(cell.bar, 1))})`;
    } else if (cell.stack) {
      const stack = element("span", "stack");
      const track = element("span", "track");
      for (const [size, look] of cell.stack) {
        const part = element("i", "score " + look);
        part.style.width = Math.max(0, size) * 100 + "%";
        track.append(part);
      }
      stack.append(element("span", "n", cell.text), track);
      node.replaceChildren(stack);
    } else if (cell.six) {
      const six = element("span", "six");
      for (const size of cell.six) { const i = element("i"); i.style.height = Math.max(1, size * 20) + "px"; six.append(i); }
      node.replaceChildren(six);
    } else if (cell.line) {
      node.replaceChildren(spark(cell.line));
    } else if (cell.pill) {
      node.replaceChildren(element("span", "pill " + (cell.tone ?? ""), cell.text));
    } else {
      node.className = [classes, cell.tone ?? ""].join(" ").trim();
      node.replaceChildren(document.createTextNode(cell.text));
      if (cell.link) {
        const link = element("span", "link", cell.text);
        link.dataset.link = cell.link;
        node.replaceChildren(link);
      }
      if (cell.sub) node.append(element("span", "sub", cell.sub));
    }
  }
}

function spark(values) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const step = values.length > 1 ? 100 / (values.length - 1) : 0;
  line.setAttribute("points", values.map((v, i) => `${(i * step).toFixed(1)},${(100 - v).toFixed(1)}`).join(" "));
  svg.append(line);
  return svg;
}

const KINDS = { strip: Strip, heading: Heading, stats: Stats, notice: Notice, card: Card, feed: Feed, legend: Legend, lanes: Lanes, life: Life, table: Table };
