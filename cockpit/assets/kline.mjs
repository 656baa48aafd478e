// The live K-line. One chart per mounted element, kept between updates: history once, then the last bars and new fills.
// A delta that does not join what is here is not drawn; history is asked for instead.

const sheet = new CSSStyleSheet();
sheet.replaceSync(await (await fetch(new URL("kline.css", import.meta.url))).text());
if (!globalThis.LightweightCharts) await import(new URL("lightweight-charts.js", import.meta.url));
const library = globalThis.LightweightCharts;

const charts = new WeakMap(); // root -> Kline
const ASK_AGAIN_MS = 3000;
const SHOWN_AT_FIRST = 120;
const PANE_SHARE = 0.24; // of the candles' height
const LEVELS = { rsi: [30, 70], macd: [0], adx: [25] };
const LABELS_UP_TO = 160; // bars in view; beyond it markers lose their words

export function render(component) {
  const root = component.parentElement;
  let chart = charts.get(root);
  if (!chart) charts.set(root, (chart = new Kline(root)));
  chart.update(component);
  return () => chart.release(root);
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

class Kline {
  constructor(root) {
    const owner = root.getRootNode();
    owner.adoptedStyleSheets = [...owner.adoptedStyleSheets.filter((s) => s !== sheet), sheet];
    this.box = make("div", "kline");
    this.canvas = make("div", "canvas");
    this.legend = make("div", "legend");
    this.trade = make("div", "trade");
    this.nothing = make("div", "empty");
    this.now = make("button", "now");
    this.box.append(this.canvas, this.legend, this.trade, this.nothing, this.now);
    root.append(this.box);
    this.bars = new Map(); // time -> bar, insertion in time order
    this.fills = [];
    this.lines = new Map();
    this.studies = []; // {column, name, pane, series, points: time -> value, newest: time}
    this.asked = 0;
    this.updates = 0;
    this.now.onclick = () => this.chart.timeScale().scrollToRealTime();
  }

  update(component) {
    const data = component.data;
    if (!data) return;
    this.send = component.setTriggerValue;
    if (!this.chart) this.build(data);
    this.texts = data.texts;
    this.box.style.height = data.height + "px";
    this.nothing.textContent = data.texts.nothing;
    this.now.textContent = data.texts.now;
    this.paint();
    this.fit();
    if (data.history) this.restart(data);
    else if (!this.joins(data)) return this.ask(data);
    else this.extend(data);
    this.study(data.indicators);
    this.draw_lines(data.lines);
    this.describe(null);
    this.tell(data);
  }

  build(data) {
    this.chart = library.createChart(this.canvas, {
      autoSize: true,
      layout: { attributionLogo: true, background: { color: "transparent" }, fontSize: 12, panes: { enableResize: false } },
      crosshair: { mode: 0 },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 6, minBarSpacing: 1.5, borderVisible: false },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.12, bottom: 0.26 } },
      handleScale: { axisPressedMouseMove: { price: true, time: true } },
      localization: { locale: "en-GB" },
    });
    this.candles = this.chart.addSeries(library.CandlestickSeries, { borderVisible: false });
    this.volume = this.chart.addSeries(library.HistogramSeries, {
      priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.marks = library.createSeriesMarkers(this.candles, []);
    this.chart.subscribeCrosshairMove((move) => this.describe(move));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (!range) return;
      this.box.dataset.from = range.from.toFixed(2);
      this.box.dataset.to = range.to.toFixed(2);
      this.now.style.display = range.to < this.bars.size - 1 ? "block" : "none";
      const labelled = range.to - range.from <= LABELS_UP_TO;
      if (labelled !== this.labelled) { this.labelled = labelled; this.mark(); }
    });
  }

  paint() { // theme colours, read again because the reader may switch
    const style = getComputedStyle(this.box);
    const of = (name) => style.getPropertyValue(name).trim();
    const colours = ["--st-text-color", "--st-border-color", "--st-green-color", "--st-red-color", "--st-gray-color", "--st-font",
      "--st-primary-color", "--st-blue-color", "--st-orange-color", "--st-background-color", "--st-violet-color"].map(of);
    if (colours.join() === this.painted) return;
    this.painted = colours.join();
    const [text, line, up, down, gray, font, accent, calm, warn, ground, violet] = colours;
    this.colours = { text, up, down, gray, accent, calm, warn, violet };
    this.chart.applyOptions({
      layout: { textColor: gray, fontFamily: font, background: { color: ground } },
      grid: { vertLines: { color: line + "55" }, horzLines: { color: line + "55" } },
      crosshair: { vertLine: { color: gray, labelBackgroundColor: gray }, horzLine: { color: gray, labelBackgroundColor: gray } },
    });
    this.chart.applyOptions({ layout: { panes: { separatorColor: line, separatorHoverColor: line } } });
    for (const study of this.studies) this.tint(study);
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    if (this.bars.size) { this.volume.setData([...this.bars.values()].map((bar) => this.column(bar))); this.mark(); }
  }

  restart(data) {
    const same = this.key === data.key;
    const range = same ? this.chart.timeScale().getVisibleRange() : null;
    this.key = data.key;
    this.sequence = data.sequence;
    this.shift = data.shift;
    this.bars = new Map(data.history.map((row) => { const bar = this.bar(row); return [bar.time, bar]; }));
    this.fills = data.fills;
    const decimals = data.decimals;
    this.candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
    const bars = [...this.bars.values()];
    this.candles.setData(bars);
    this.volume.setData(bars.map((bar) => this.column(bar)));
    this.mark();
    if (range) this.chart.timeScale().setVisibleRange(range);
    else {
      this.candles.priceScale().applyOptions({ autoScale: true });
      const room = data.lines.length ? 16 : 5; // the names of the lines stand at the right
      this.chart.timeScale().applyOptions({ rightOffset: room });
      this.chart.timeScale().setVisibleLogicalRange({ from: bars.length - this.first(), to: bars.length + room });
    }
  }

  fit() { // a narrow legend takes several lines
    const top = this.box.clientWidth < 520 ? 0.2 : 0.12;
    if (top !== this.top) { this.top = top; this.chart.priceScale("right").applyOptions({ scaleMargins: { top, bottom: 0.26 } }); }
  }

  first() { return Math.max(30, Math.min(SHOWN_AT_FIRST, Math.floor(this.box.clientWidth / 7))); }

  joins(data) {
    if (this.key !== data.key || this.sequence === undefined || this.sequence < data.after) return false;
    if (!this.bars.size) return !data.bars.length;
    return !data.bars.length || data.bars[0][0] + this.shift <= this.last().time;
  }

  extend(data) {
    for (const row of data.bars) {
      const bar = this.bar(row);
      if (this.bars.size && bar.time < this.last().time) {
        const had = this.bars.get(bar.time);
        if (had && had.close === bar.close && had.volume === bar.volume) continue;
        if (!had) continue;
        this.bars.set(bar.time, bar);
        this.candles.update(bar, true);
        this.volume.update(this.column(bar), true);
        continue;
      }
      this.bars.set(bar.time, bar);
      this.candles.update(bar);
      this.volume.update(this.column(bar));
    }
    const fresh = data.fills.filter((fill) => fill.sequence > this.sequence);
    if (fresh.length) { this.fills = [...this.fills, ...fresh]; this.mark(); }
    this.sequence = Math.max(this.sequence, data.sequence);
  }

  ask(data) {
    const at = Date.now();
    if (at - this.asked < ASK_AGAIN_MS) return;
    this.asked = at;
    this.send("need", data.key + "@" + at);
  }

  bar([time, open, high, low, close, volume]) { return { time: time + this.shift, open, high, low, close, volume }; }
  last() { return [...this.bars.values()].at(-1); }
  column(bar) {
    return { time: bar.time, value: bar.volume, color: (bar.close >= bar.open ? this.colours.up : this.colours.down) + "55" };
  }

  mark() {
    if (!this.colours) return;
    const times = [...this.bars.keys()];
    const grouped = new Map(); // several fills of one side in one bar are one mark
    for (const fill of this.fills) {
      const time = floor_in(times, fill.time + this.shift);
      if (time === undefined) continue;
      const key = time + fill.side;
      if (!grouped.has(key)) grouped.set(key, { time, side: fill.side, fills: [] });
      grouped.get(key).fills.push(fill);
    }
    this.marked = [...grouped.values()].sort((a, b) => a.time - b.time);
    this.marks.setMarkers(this.marked.map((group) => {
      const buy = group.side === "buy";
      const word = group.fills.length > 1 ? `${group.fills[0].word} ×${group.fills.length}` : group.fills[0].word;
      return {
        time: group.time, position: buy ? "belowBar" : "aboveBar", shape: buy ? "arrowUp" : "arrowDown",
        color: buy ? this.colours.calm : this.colours.accent, size: 1.4, ...(this.labelled ? { text: word } : {}),
      };
    }));
  }

  study(data) { // indicators: over the candles, or in panes of their own below; none where there is no candle
    if (!data) return;
    const first = this.bars.size ? this.bars.keys().next().value : Infinity;
    data = { ...data, rows: data.rows.filter((row) => row[0] + this.shift >= first) };
    if (data.whole) {
      const wanted = [
        ...data.overlays.flatMap((group) => group.columns.map((column) => ({ column, name: group.name, pane: 0 }))),
        ...data.panes.flatMap((group, i) => group.columns.map((column) => ({ column, name: group.name, pane: i + 1 }))),
      ];
      const signature = wanted.map((study) => study.column + study.pane + study.name).join();
      if (signature !== this.signature) { this.signature = signature; this.rebuild(wanted, data.panes); }
      this.studies.forEach((study, i) => {
        if (study.pane === 0 || study.column.startsWith("macd")) { // in the coin's own decimals
          study.series.applyOptions({ priceFormat: this.candles.options().priceFormat });
        }
        study.points = new Map(data.rows.map((row) => [row[0] + this.shift, row[i + 1]]));
        study.newest = data.rows.length ? data.rows.at(-1)[0] + this.shift : undefined;
        study.series.setData([...study.points].map(([time, value]) => this.point(study, time, value)));
      });
      return;
    }
    for (const row of data.rows) {
      const time = row[0] + this.shift;
      if (row.length !== this.studies.length + 1) continue;
      this.studies.forEach((study, i) => {
        const value = row[i + 1];
        const newest = study.newest ?? -Infinity;
        if (time < newest && !study.points.has(time)) return; // what is missing in the past comes whole
        if (study.points.has(time) && study.points.get(time) === value) return;
        study.points.set(time, value);
        study.newest = Math.max(newest, time);
        study.series.update(this.point(study, time, value), time < newest);
      });
    }
  }

  rebuild(wanted, panes) {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    for (const study of this.studies) this.chart.removeSeries(study.series);
    while (this.chart.panes().length > 1) this.chart.removePane(this.chart.panes().length - 1);
    this.studies = wanted.map((study) => {
      const bars = study.column === "macd_hist";
      const options = { priceLineVisible: false, lastValueVisible: study.pane > 0 && !bars, crosshairMarkerVisible: false };
      if (!bars) options.lineWidth = study.column === "supertrend" ? 2 : 1;
      if (study.column === "supertrend") options.lineStyle = 1;
      if (study.pane === 0) options.autoscaleInfoProvider = () => null; // candles alone set the scale
      if (study.pane > 0 && !study.column.startsWith("macd")) options.priceFormat = { type: "price", precision: 1, minMove: 0.1 };
      if (["rsi", "adx"].includes(study.column)) {
        options.autoscaleInfoProvider = () => ({ priceRange: { minValue: 0, maxValue: 100 } });
      }
      const kind = bars ? library.HistogramSeries : library.LineSeries;
      const made = { ...study, points: new Map(), series: this.chart.addSeries(kind, options, study.pane) };
      if (study.pane > 0) made.series.priceScale().applyOptions({ scaleMargins: { top: 0.14, bottom: 0.08 } });
      for (const level of (study.pane > 0 && LEVELS[study.column]) || []) {
        made.series.createPriceLine({ price: level, color: this.colours.gray + "88", lineWidth: 1, lineStyle: 3, axisLabelVisible: false, title: "" });
      }
      this.tint(made);
      return made;
    });
    this.chart.panes().forEach((pane, i) => pane.setStretchFactor(i ? PANE_SHARE : 1));
    if (range) this.chart.timeScale().setVisibleLogicalRange(range);
  }

  tint(study) {
    const { calm, warn, violet, gray, accent } = this.colours;
    study.color = { ema_fast: calm, ema_slow: warn, bollinger_upper: gray, bollinger_lower: gray, vwap: violet, supertrend: accent,
      rsi: violet, macd: calm, macd_signal: warn, macd_hist: gray, adx: accent }[study.column] ?? gray;
    study.series.applyOptions({ color: study.color });
  }

  point(study, time, value) {
    if (value === null || value === undefined) return { time };
    if (study.column !== "macd_hist") return { time, value };
    return { time, value, color: (value >= 0 ? this.colours.up : this.colours.down) + "88" };
  }

  draw_lines(lines) {
    const wanted = new Set();
    for (const line of lines) {
      wanted.add(line.id);
      const options = {
        price: line.price, title: line.title, lineWidth: 1, lineStyle: line.id === "entry" ? 0 : 2, axisLabelVisible: true,
        color: { entry: this.colours.calm, stop: this.colours.down, target: this.colours.up }[line.look] ?? this.colours.gray,
      };
      const had = this.lines.get(line.id);
      if (had) had.applyOptions(options); else this.lines.set(line.id, this.candles.createPriceLine(options));
    }
    for (const [id, line] of this.lines) if (!wanted.has(id)) { this.candles.removePriceLine(line); this.lines.delete(id); }
  }

  describe(move) {
    if (!this.bars.size) { this.legend.replaceChildren(); this.trade.style.display = "none"; return; }
    if (move) this.hovered = move.time;
    const bar = (this.hovered !== undefined && this.bars.get(this.hovered)) || this.last();
    const format = (value) => this.candles.priceFormatter().format(value);
    const tone = bar.close >= bar.open ? "up" : "down";
    const parts = [make("span", "coin", this.texts.coin)];
    for (const [word, value] of [["O", format(bar.open)], ["H", format(bar.high)], ["L", format(bar.low)], ["C", format(bar.close)],
      [this.texts.volume, short(bar.volume)]]) {
      const part = make("span", word === "C" ? tone : "");
      part.append(make("span", "k", word), document.createTextNode(value));
      parts.push(part);
    }
    const breaks = make("span", "break");
    if (this.studies.length) parts.push(breaks);
    this.studies.forEach((study, i) => {
      const value = study.points.get(this.hovered !== undefined && study.points.has(this.hovered) ? this.hovered : study.newest);
      const part = make("span");
      const key = make("span", "k", i && this.studies[i - 1].name === study.name ? "" : study.name);
      const number = make("span", "", value === null || value === undefined ? "–" : study.series.priceFormatter().format(value));
      number.style.color = study.color;
      part.append(key, number);
      parts.push(part);
    });
    this.legend.replaceChildren(...parts);
    if (!move) return;
    const here = (this.marked ?? []).filter((group) => group.time === move.time).flatMap((group) => group.fills);
    this.trade.style.display = here.length && move.point ? "block" : "none";
    if (here.length && move.point) {
      this.trade.textContent = here.map((fill) => fill.text).join("\n");
      const right = move.point.x > this.box.clientWidth / 2;
      this.trade.style.left = right ? "" : move.point.x + 16 + "px";
      this.trade.style.right = right ? this.box.clientWidth - move.point.x + 16 + "px" : "";
      this.trade.style.top = Math.max(30, move.point.y - 20) + "px";
    }
  }

  tell(data) { // what a test, or a person with the inspector, wants to know
    this.updates += 1;
    this.box.classList.toggle("bare", !this.bars.size);
    Object.assign(this.box.dataset, {
      key: this.key, bars: this.bars.size, fills: this.fills.length, markers: (this.marked ?? []).length, lines: this.lines.size,
      updates: this.updates, studies: this.studies.map((study) => study.column).join(" "), panes: this.chart.panes().length,
      points: this.studies.length ? this.studies[0].points.size : 0, histories: Number(this.box.dataset.histories ?? 0) + (data.history ? 1 : 0),
      close: this.bars.size ? this.last().close : "",
    });
  }

  release(root) {
    setTimeout(() => {
      if (root.isConnected || root.host?.isConnected) return;
      this.chart?.remove();
      charts.delete(root);
    }, 500);
  }
}

function floor_in(times, at) { // the newest bar that opened at or before `at`
  let low = 0, high = times.length - 1, found;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) { found = times[middle]; low = middle + 1; } else high = middle - 1;
  }
  return found;
}

function short(value) {
  for (const [unit, scale] of [["B", 1e9], ["M", 1e6], ["k", 1e3]]) if (value >= scale) return (value / scale).toFixed(2) + unit;
  return value.toFixed(value < 10 ? 3 : 1);
}
