// A line over time that is looked at calmly: equity. Drawn in place; the place one looks at survives every update.

const sheet = new CSSStyleSheet();
sheet.replaceSync(await (await fetch(new URL("curve.css", import.meta.url))).text());
if (!globalThis.LightweightCharts) await import(new URL("lightweight-charts.js", import.meta.url));
const library = globalThis.LightweightCharts;

const curves = new WeakMap(); // root -> Curve
const SECONDS_UP_TO = 900; // seconds in view
const money = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function render(component) {
  const root = component.parentElement;
  let curve = curves.get(root);
  if (!curve) curves.set(root, (curve = new Curve(root)));
  curve.update(component.data);
  return () => curve.release(root);
}

class Curve {
  constructor(root) {
    const owner = root.getRootNode();
    owner.adoptedStyleSheets = [...owner.adoptedStyleSheets.filter((s) => s !== sheet), sheet];
    this.box = document.createElement("div");
    this.box.className = "curve";
    this.empty = document.createElement("div");
    this.empty.className = "empty";
    this.canvas = document.createElement("div");
    this.canvas.className = "canvas";
    this.box.append(this.canvas, this.empty);
    root.append(this.box);
    this.length = 0;
  }

  update(data) {
    if (!data) return;
    this.box.style.height = data.height + "px";
    this.empty.textContent = data.points.length < 2 ? data.empty : "";
    if (!this.chart) this.build();
    this.paint();
    const whole = !this.length;
    this.length = data.points.length;
    this.line.setData(data.points.map(([time, value]) => ({ time, value })));
    const span = this.length < 2 ? 0 : data.points.at(-1)[0] - data.points[0][0];
    this.chart.timeScale().applyOptions({ secondsVisible: span < SECONDS_UP_TO });
    if (whole || this.whole) this.chart.timeScale().fitContent();
    this.box.dataset.points = this.length;
  }

  build() {
    this.chart = library.createChart(this.canvas, {
      autoSize: true,
      layout: { attributionLogo: true, background: { color: "transparent" }, fontSize: 12 },
      timeScale: { timeVisible: true, secondsVisible: false, borderVisible: false, minBarSpacing: 0.05, rightOffset: 1 },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.14, bottom: 0.08 } },
      handleScroll: { vertTouchDrag: false },
      localization: { locale: "en-GB", priceFormatter: (value) => money.format(value) },
    });
    this.line = this.chart.addSeries(library.AreaSeries, {
      lineWidth: 2, priceLineVisible: false, priceFormat: { type: "price", precision: 2, minMove: 0.01 },
    });
    this.whole = true; // until somebody zooms or drags
    for (const name of ["wheel", "pointerdown"]) this.canvas.addEventListener(name, () => { this.whole = false; }, { capture: true, passive: true });
    this.canvas.addEventListener("dblclick", () => { this.whole = true; this.chart.timeScale().fitContent(); });
  }

  paint() { // theme colours, read again because the reader may switch
    const style = getComputedStyle(this.box);
    const [text, line, accent, font] = ["--st-gray-color", "--st-border-color", "--st-primary-color", "--st-font"].map((name) =>
      style.getPropertyValue(name).trim());
    const painted = text + line + accent + font;
    if (painted === this.painted) return;
    this.painted = painted;
    this.chart.applyOptions({
      layout: { textColor: text, fontFamily: font },
      grid: { vertLines: { visible: false }, horzLines: { color: line + "88" } },
      crosshair: { vertLine: { color: text, labelBackgroundColor: text }, horzLine: { color: text, labelBackgroundColor: text } },
    });
    this.line.applyOptions({ lineColor: accent, topColor: accent + "2e", bottomColor: accent + "00" });
  }

  release(root) {
    setTimeout(() => {
      if (root.isConnected || root.host?.isConnected) return;
      this.chart?.remove();
      curves.delete(root);
    }, 500);
  }
}
