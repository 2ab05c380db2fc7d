/**
 * Curves, by Chart.js (Debian's libjs-chart.js), which is loaded when the first is wanted. Its colours
 * are the page's own, and beside each canvas stands a table that says the same.
 */
import { fill, h, say } from './dom.js';

const SHOW_MS = 250; // between two drawings of one chart
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
const COLOURS = 6; // --curve-1 to --curve-6
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]; // seconds
const TICKS_MOST = 8;

let library = null;
const load = () => (library ??= import('./chart.min.js').then(() => {
  const { Chart } = globalThis;
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  return Chart;
}));

const digits = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 4 });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** A variable of the page's CSS, as a colour that a canvas takes. */
function colours(element, names) {
  const probe = h('span', { hidden: true });
  element.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

/** Ticks at whole seconds, minutes, hours. */
function timeTicks(axis) {
  const step = 1000 * (STEPS.find((seconds) => (axis.max - axis.min) / 1000 / seconds <= TICKS_MOST) ?? STEPS.at(-1));
  axis.ticks = [];
  for (let value = Math.ceil(axis.min / step) * step; value <= axis.max; value += step) axis.ticks.push({ value });
}

const charts = new Set();
const recolour = () => charts.forEach((change) => change());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolour);
new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ['data-theme'] });

/**
 * Draws curves into `element`. `series` is a list of { label, points: [[x, y], …], dash, step }:
 * x grows; `dash` (1 to 3) draws a line that way; `step` holds each y until the next. x is 'time' (unix
 * time in ms) or 'count'; `unit` stands behind numbers of y, whose axis begins at 0 if `zero` says so. Who
 * changes points or adds to them calls update(), as often as he likes; destroy() takes all of it away.
 * (Also the list itself may change.)
 */
export function chart(element, { series, x = 'time', unit = '', title = 'Curves', xTitle = '', zero = false }) {
  const canvas = h('canvas', { role: 'img' });
  const rows = h('tbody');
  const table = h('details', {}, h('summary', {}, `${title}, as a table`), h('table', {}, h('thead', {},
    h('tr', {}, ['Curve', 'Points', 'First', 'Last', 'Least', 'Most'].map((head) => h('th', { scope: 'col' }, head)))), rows));
  const number = (value) => value === undefined ? '–' : `${digits.format(value)}${unit && ` ${unit}`}`;
  const place = (value) => x === 'time' ? clock.format(value) : digits.format(value);
  let drawn = null, timer = null, over = false;
  fill(element, h('div', { class: 'chart' }, canvas), table);

  /** The same curve as before keeps the points that it had. */
  function datasets(paints) {
    return series.map(({ label, points, dash = 0, step = false }, at) => {
      const before = drawn?.data.datasets[at];
      const kept = before?.of === points && before.data.length <= points.length ? before.data : [];
      for (let next = kept.length; next < points.length; next++) kept.push({ x: points[next][0], y: points[next][1] });
      const colour = paints[at % COLOURS];
      return { label, of: points, data: kept, borderColor: colour, backgroundColor: colour, borderWidth: 2, pointRadius: 0,
        pointHitRadius: 8, borderDash: DASHES[dash % DASHES.length], stepped: step };
    });
  }

  function optionsOf(ink, line) {
    const axis = { grid: { color: line, borderColor: line }, ticks: { color: ink, maxRotation: 0 } };
    return {
      parsing: false, normalized: true,
      interaction: { mode: 'nearest', axis: 'x', intersect: false },
      scales: {
        x: { ...axis, type: 'linear', bounds: 'data', afterBuildTicks: x === 'time' ? timeTicks : () => {}, title: { display: Boolean(xTitle),
          text: xTitle, color: ink }, ticks: { ...axis.ticks, callback: place } },
        y: { ...axis, beginAtZero: zero, ticks: { ...axis.ticks, callback: number } },
      },
      plugins: {
        legend: { labels: { color: ink, boxHeight: 0, boxWidth: 24 } },
        decimation: { enabled: true, algorithm: 'min-max' },
        tooltip: { callbacks: { title: ([{ parsed }]) => place(parsed.x),
          label: ({ dataset, parsed }) => `${dataset.label}: ${number(parsed.y)}` } },
      },
    };
  }

  /** What a canvas says to nobody who can't see it. */
  function tell() {
    const last = series.map(({ label, points }) => `${label} ${number(points.at(-1)?.[1])}`);
    canvas.setAttribute('aria-label', `${title}: ${last.join(', ') || 'nothing yet'}. The table below has the figures.`);
    if (!table.open) return;
    const lines = series.map(({ label, points }) => {
      const values = points.map(([, y]) => y);
      const [least, most] = values.reduce(([low, high], y) => [Math.min(low, y), Math.max(high, y)], [Infinity, -Infinity]);
      return [label, digits.format(values.length), number(values[0]), number(values.at(-1)),
        ...(values.length ? [number(least), number(most)] : ['–', '–'])];
    });
    while (rows.rows.length > lines.length) rows.deleteRow(-1);
    lines.forEach((cells, at) => {
      if (!rows.rows[at]) rows.append(h('tr', {}, h('th', { scope: 'row' }), cells.slice(1).map(() => h('td'))));
      cells.forEach((text, cell) => say(rows.rows[at].cells[cell], text));
    });
  }

  async function draw() {
    timer = null;
    const Chart = await load();
    if (over) return;
    const [ink, line, ...paints] = colours(element, ['--ink', '--line',
      ...Array.from({ length: COLOURS }, (_, at) => `--curve-${at + 1}`)]);
    const data = { datasets: datasets(paints) }, options = optionsOf(ink, line);
    if (drawn) {
      Object.assign(drawn, { data, options });
      drawn.update('none');
    } else {
      drawn = new Chart(canvas, { type: 'line', data, options });
    }
    tell();
  }

  function update() {
    timer ??= setTimeout(draw, drawn ? SHOW_MS : 0);
  }

  function destroy() {
    over = true;
    clearTimeout(timer);
    charts.delete(update);
    drawn?.destroy();
    fill(element);
  }

  charts.add(update);
  table.addEventListener('toggle', tell);
  update();
  return { update, destroy };
}
