// Making and changing elements. Values only ever become text, never markup.

export const byId = (id) => document.getElementById(id);

/// Changes nothing if it is so already: a screen reader would say it again.
export function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const SVG = 'http://www.w3.org/2000/svg';

export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function makeSvg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/// A table whose rows stand one under the other on a phone. `columns`: {title, number}; a cell is
/// text or an element.
export function row(columns, cells) {
  return make('tr', {}, ...cells.map((cell, i) =>
    make('td', {class: columns[i].number ? 'number' : undefined, 'data-title': columns[i].title}, cell)));
}

export function headings(columns) {
  return make('tr', {}, ...columns.map(({title, number}) =>
    make('th', {scope: 'col', class: number ? 'number' : undefined}, title)));
}
