// Line charts in SVG, small enough to be drawn anew whenever a number comes.

import {make, makeSvg} from './dom.mjs';
import {KEPT_MS, roundUp} from './numbers.mjs';

const WIDTH = 600;
const HEIGHT = 140;

/// `series`: {name, read(point), text(value)}, at most three. `format(value)` writes the top.
export class LineChart {
  constructor(title, series, format) {
    this.series = series;
    this.format = format;
    this.top = make('span', {class: 'top'});
    this.lines = series.map((_, i) => makeSvg('path', {class: `line series-${i + 1}`}));
    this.values = series.map(() => make('strong', {}, '–'));
    this.svg = makeSvg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img'},
      ...[0, 0.5, 1].map((part) => makeSvg('line', {class: 'grid', x1: 0, x2: WIDTH,
        y1: 1 + part * (HEIGHT - 2), y2: 1 + part * (HEIGHT - 2)})), ...this.lines);
    this.title = title;
    this.element = make('figure', {class: 'chart'},
      make('figcaption', {}, make('span', {class: 'title'}, title),
        make('span', {class: 'legend'}, ...series.map(({name}, i) => make('span', {},
          make('span', {class: `key series-${i + 1}`, 'aria-hidden': 'true'}), `${name} `, this.values[i])))),
      make('div', {class: 'plot'}, this.top, this.svg),
      make('div', {class: 'axis', 'aria-hidden': 'true'}, make('span', {}, '5 min ago'), make('span', {}, 'now')));
  }

  update(points) {
    const columns = this.series.map(({read}) => points.map(read));
    const known = columns.flat().filter((value) => value !== null);
    const top = roundUp(Math.max(0, ...known));
    this.top.textContent = this.format(top);
    const times = points.map(({at}) => at);
    columns.forEach((values, i) => {
      this.lines[i].setAttribute('d', path(times, values, top));
      this.values[i].textContent = this.series[i].text(values.at(-1) ?? null);
    });
    const now = this.series.map(({name}, i) => `${name} ${this.values[i].textContent}`).join(', ');
    this.svg.setAttribute('aria-label', `${this.title}: ${now}. The top of the chart is ${this.format(top)}.`);
  }
}

/// Newest at the right edge; where a value is not known there is a gap.
export function path(times, values, top) {
  let commands = '';
  let drawing = false;
  values.forEach((value, i) => {
    if (value === null) {
      drawing = false;
      return;
    }
    const x = WIDTH * (1 - (times.at(-1) - times[i]) / KEPT_MS);
    const y = 1 + (1 - value / top) * (HEIGHT - 2);
    commands += `${drawing ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    drawing = true;
  });
  return commands;
}
