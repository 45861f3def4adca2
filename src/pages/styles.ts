import { sha256Hex } from '../crypto/hash.js';

/** The one stylesheet of all pages. Light and dark, from 320 px up, so that it fits Sage's pop-up and frame. */
export const stylesheet = `
:root {
  color-scheme: light dark;
  --page: #f3f5f7; --card: #ffffff; --ink: #16202b; --soft: #51606f; --line: #d5dce3; --field: #7b8a99;
  --accent: #0b6b4f; --accent-dark: #08543e; --accent-ink: #ffffff; --focus: #1a66d6;
  --note: #eaf2fc; --note-line: #1a66d6; --alert: #fdecea; --alert-line: #b3261e; --alert-ink: #a01f18; --good: #e6f4ee; --good-ink: #0b5640;
  --warn: #fdf2dc; --warn-ink: #6f4a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10161c; --card: #19222b; --ink: #eef2f5; --soft: #adb9c4; --line: #33404c; --field: #8797a5;
    --accent: #3fbf95; --accent-dark: #62d3ae; --accent-ink: #06231a; --focus: #8db9ff;
    --note: #17283d; --note-line: #6ea6f5; --alert: #3a1a18; --alert-line: #ff8a80; --alert-ink: #ffaaa2; --good: #133126; --good-ink: #8fe0c2;
    --warn: #3a2c10; --warn-ink: #ffd58a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header, main, footer { max-width: 34rem; margin: 0 auto; padding: 0 1.25rem; }
.wide header, .wide main, .wide footer { max-width: 52rem; }
header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding-top: 1.25rem; padding-bottom: .75rem; }
.brand { display: flex; align-items: center; gap: .6rem; font-weight: 650; letter-spacing: -.01em; }
.brand img { display: block; }
header form { margin: 0; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem;
  box-shadow: 0 1px 2px rgb(16 32 48 / .06);
}
.card + .card, .card + .actions, .actions + .part { margin-top: 1.25rem; }
.opening { margin: .75rem 0 1.25rem; }
.opening h1, .opening p:last-child { margin-bottom: 0; }
.opening .good { margin-top: 1rem; }
.leave { display: flex; justify-content: center; margin-top: 1rem; }
.leave form { margin: 0; }
footer { color: var(--soft); font-size: .875rem; padding-top: 1rem; padding-bottom: 2rem; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -.015em; margin: 0 0 .75rem; text-wrap: balance; }
h2 { font-size: 1.125rem; line-height: 1.35; margin: 1.75rem 0 .75rem; }
h2.first { margin-top: 0; }
.row h1, .row h2.first { margin: 0; }
.row + .soft { margin-top: .375rem; }
.advice { margin: .75rem 0 0; }
h3 { font-size: 1.0625rem; line-height: 1.35; margin: 0; }
p, ul, dl { margin: 0 0 1rem; }
.card > :last-child { margin-bottom: 0; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
a { color: var(--accent); text-underline-offset: .15em; }
a:hover { color: var(--accent-dark); }
label { font-weight: 600; }
.field { margin: 0 0 1.125rem; }
.field label { display: block; margin-bottom: .375rem; }
input[type="text"], input[type="password"], input[type="date"], select {
  width: 100%; min-height: 2.875rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--card); border: 1px solid var(--field); border-radius: .5rem;
}
.hint { color: var(--soft); font-size: .875rem; margin: 0 0 .375rem; }
.error { color: var(--alert-ink); font-size: .875rem; font-weight: 600; margin: .375rem 0 0; }
[aria-invalid="true"] { border-color: var(--alert-line) !important; }
button, .button {
  display: inline-flex; align-items: center; justify-content: center; min-height: 2.875rem; padding: .625rem 1.25rem; font: inherit; font-weight: 650; line-height: 1.5;
  color: var(--accent-ink); background: var(--accent); border: 1px solid transparent; border-radius: .5rem;
  cursor: pointer; text-decoration: none; text-align: center;
}
button:hover, .button:hover { background: var(--accent-dark); color: var(--accent-ink); }
.full { width: 100%; }
.quiet, .quiet:hover { background: transparent; color: var(--accent); border-color: var(--line); }
.quiet:hover { border-color: var(--field); }
.slim { min-height: 2.25rem; padding: .25rem .75rem; font-size: .9375rem; }
.danger, .danger:hover { background: var(--alert-line); color: var(--card); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: .25rem; }
.note, .alert, .good {
  border-radius: .5rem; border-left: 4px solid var(--note-line); background: var(--note); padding: .875rem 1rem; margin: 0 0 1.25rem;
}
.note > :last-child, .alert > :last-child, .good > :last-child { margin-bottom: 0; }
.alert { border-color: var(--alert-line); background: var(--alert); }
.good { border-color: var(--accent); background: var(--good); }
fieldset { border: 0; margin: 0 0 1.25rem; padding: 0; min-width: 0; }
legend { font-weight: 650; padding: 0; margin-bottom: .5rem; }
.choice {
  display: grid; grid-template-columns: auto 1fr; gap: 0 .75rem; align-items: start; padding: .75rem .875rem;
  border: 1px solid var(--line); border-radius: .5rem; margin-top: .5rem;
}
.choice:has(input:checked) { border-color: var(--accent); background: var(--good); }
.choice input { width: 1.25rem; height: 1.25rem; margin: .125rem 0 0; accent-color: var(--accent); }
.choice label { font-weight: 600; overflow-wrap: anywhere; }
.choice .hint { grid-column: 2; color: var(--soft); font-size: .875rem; }
.last { position: sticky; bottom: 0; margin: 0 -1.5rem -1.5rem; padding: .75rem 1.5rem 1.5rem; background: var(--card); border-radius: 0 0 .75rem .75rem; }
.digits { color: var(--soft); font-weight: 500; font-variant-numeric: tabular-nums; white-space: nowrap; }
.digits.masked::before { content: "•••• " / ""; }
.row { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; justify-content: space-between; }
.row h3 { overflow-wrap: anywhere; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; margin-top: 1rem; }
.actions form { margin: 0; }
.state { border-radius: 1rem; padding: .125rem .75rem; font-size: .875rem; font-weight: 600; background: var(--note); }
.state.is-good { background: var(--good); color: var(--good-ink); }
.state.is-waiting { background: var(--warn); color: var(--warn-ink); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem 1.25rem; margin: .875rem 0 0; }
.facts dt { color: var(--soft); font-size: .875rem; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
.plain { list-style: none; padding: 0; }
.plain > li { padding: .875rem 0; border-top: 1px solid var(--line); }
.plain > li:first-child { border-top: 0; padding-top: 0; }
.plain > li:last-child { padding-bottom: 0; }
.plain p { margin: .25rem 0 0; overflow-wrap: anywhere; }
.ranked { counter-reset: rank; }
.ranked h2::before { counter-increment: rank; content: counter(rank) ". "; color: var(--soft); font-variant-numeric: tabular-nums; }
.line { display: grid; grid-template: "box date text amount" "box . suggested suggested" / auto 6.5rem 1fr auto; gap: .125rem .875rem; align-items: baseline; }
.line > input { grid-area: box; width: 1.125rem; height: 1.125rem; margin: .2rem 0 0; align-self: start; accent-color: var(--accent); }
.line time { grid-area: date; color: var(--soft); font-size: .875rem; font-variant-numeric: tabular-nums; }
.line .text { grid-area: text; overflow-wrap: anywhere; min-width: 0; }
.line .suggested { grid-area: suggested; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.amount { grid-area: amount; font-variant-numeric: tabular-nums; white-space: nowrap; text-align: right; }
.part { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin-bottom: .75rem; }
.part legend { padding: 0 .375rem; margin: 0 0 0 -.375rem; font-size: .9375rem; }
.unseen { position: absolute; left: -100rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0 .875rem; align-items: end; }
.columns .field { margin-bottom: .75rem; }
.captcha { display: block; max-width: 100%; height: auto; margin: 0 0 1rem; border: 1px solid var(--line); border-radius: .5rem; background: #ffffff; }
.timeline { list-style: none; padding: 0; margin: 0; }
.timeline li { padding: .5rem 0; border-top: 1px solid var(--line); display: grid; grid-template-columns: 13rem 1fr; gap: .25rem 1rem; }
.timeline li:first-child { border-top: 0; }
.timeline time { color: var(--soft); font-variant-numeric: tabular-nums; }
.turning {
  width: 2.25rem; height: 2.25rem; margin: .25rem 0 1rem; border-radius: 50%;
  border: 4px solid var(--line); border-top-color: var(--accent); animation: turn 1s linear infinite;
}
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .turning { animation: none; } }
@media (max-width: 30rem) {
  header, main, footer { padding-left: .875rem; padding-right: .875rem; }
  .card { padding: 1.125rem; }
  .last { margin: 0 -1.125rem -1.125rem; padding: .75rem 1.125rem 1.125rem; }
  .timeline li { grid-template-columns: 1fr; }
  .line { grid-template: "box date amount" "box text text" "box suggested suggested" / auto 1fr auto; }
}
`;

/** The icon: two accounts side by side, one flowing into the other. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32"><rect width="32" height="32" rx="8" fill="#0b6b4f"/><path d="M8 12h13l-3.5-3.5M24 20H11l3.5 3.5" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

/** Addresses that change with the content, so that browsers may cache them for ever. */
export const assetPaths = {
  stylesheet: `/assets/pages.${sha256Hex(stylesheet).slice(0, 12)}.css`,
  icon: `/assets/icon.${sha256Hex(icon).slice(0, 12)}.svg`,
} as const;
