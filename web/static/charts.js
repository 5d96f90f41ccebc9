// Draws what /api/charts tells. Colours are the page's own, so that both themes are readable; times are the viewer's.
"use strict";

const place = document.getElementById("charts");
const names = place ? place.dataset : {};
const hours = Number(names.hours || 1);
const PARTS = {
  edge: "Customers' spread", hedges: "Hedges", fees: "Trading fees", conversion: "Conversions", transfers: "Transfer costs",
  differences: "Differences", revaluation: "Price moves",
};
const HUES = ["--accent", "--buy", "--sell", "--ours-line", "--violet", "--dim", "--ink"];
let drawn = [];

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

// For drawing a rounded number is as good as the exact one; null is where nothing is known.
function numbers(values, factor = 1) { return (values || []).map((v) => (v === null ? null : Number(v) * factor)); }

function short(value) {
  const digits = Math.abs(value) >= 100 || value === 0 ? 0 : Math.abs(value) >= 1 ? 2 : 4;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

function line(label, hue, more = {}) {
  const stroke = colour(hue);
  return { label, stroke, width: 1.5, points: { show: false }, value: (_, v) => (v == null ? "–" : short(v)), ...more };
}

function dots(label, hue) {
  const stroke = colour(hue);
  return { label, stroke, width: 0, paths: () => null, points: { show: true, size: 7, fill: stroke, stroke }, value: (_, v) => (v == null ? "–" : short(v)) };
}

function axis(more = {}) {
  return { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif", ...more };
}

function chart(title, data, series, more = {}) {
  const section = document.createElement("section");
  section.className = "card chart";
  const heading = document.createElement("h2");
  heading.textContent = title;
  section.append(heading);
  place.append(section);
  const size = { width: Math.max(280, section.clientWidth - 30), height: 230 };
  const y = axis({ values: (_, ticks) => ticks.map((v) => (v === null ? "" : short(v))), size: 84 });
  const options = { ...size, series: [{}, ...series], axes: [axis({ space: 64 }), y], cursor: { sync: { key: "pool" } }, legend: { live: true }, ...more };
  const plot = new uPlot(options, data, section);
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", `${title}, the last ${hours} hours; the table below says the same`);
  drawn.push([plot, section]);
}

function fillsOf(found, side) {
  const some = found.fills.filter((fill) => fill.side === side);
  return [some.map((fill) => fill.timestamp / 1e6), some.map((fill) => Number(fill.price))];
}

function draw(found) {
  for (const [plot, section] of drawn) { plot.destroy(); section.remove(); }
  drawn = [];
  const c = found.columns;
  const x = c.timestamp.map((t) => t / 1e6);
  if (x.length === 0) return;
  const market = [x, numbers(c.target_mid), numbers(c.fair), numbers(c.bid), numbers(c.ask)];
  chart(`Target: mid, fair, our quotes and fills, ${names.target} per ${names.btc}`, uPlot.join([market, fillsOf(found, "BUY"), fillsOf(found, "SELL")]), [
    line("Mid", "--dim"), line("Fair", "--accent"), line("Our bid", "--buy"), line("Our ask", "--sell"), dots("We bought", "--buy"), dots("We sold", "--sell")]);
  const parts = Object.keys(found.profit).filter((part) => found.profit[part].some((v) => Number(v) !== 0));
  chart(`Result by part, ${names.source}`, [x, ...parts.map((part) => numbers(found.profit[part]))], parts.map((part, n) => line(PARTS[part] || part, HUES[n])));
  chart(`Coins, ${names.btc}`, [x, numbers(c.source_btc), numbers(c.target_btc), numbers(c.exposure)], [
    line("Source", "--accent"), line("Target", "--ours-line"), line("Exposure", "--violet", { dash: [5, 4] })]);
  chart(`Cash at the source, ${names.source}`, [x, numbers(c.source_cash)], [line("Source", "--accent")]);
  chart(`Cash on the target, ${names.target}`, [x, numbers(c.target_cash)], [line("Target", "--ours-line")]);
  chart(`Pool value, ${names.source}`, [x, numbers(c.value)], [line("Value", "--accent")]);
  chart(`Source mid, ${names.source} per ${names.btc}`, [x, numbers(c.source_mid)], [line("Mid", "--accent")]);
  chart("Times, ms: a decision, a commit of the ledger, the reactor's worst lateness", [x, numbers(c.decision_us, 1e-3), numbers(c.commit_us, 1e-3), numbers(c.lag_us, 1e-3)], [
    line("Decision", "--accent"), line("Commit", "--ours-line"), line("Late", "--violet")]);
}

let last = null;

async function look() {
  const answer = await fetch(`/api/charts?hours=${hours}`);
  if (answer.status === 401) location.reload();
  if (!answer.ok) return;
  last = await answer.json();
  if (!document.hidden) draw(last);
}

if (place) {
  look();
  setInterval(look, hours <= 6 ? 10000 : 60000);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => last && draw(last));
  addEventListener("resize", () => { for (const [plot, section] of drawn) plot.setSize({ width: Math.max(280, section.clientWidth - 30), height: 230 }); });
}
