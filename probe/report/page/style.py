"""How the page looks: on a phone, on a wide screen, on paper, in the light and in the dark.

Law: nothing is told by colour alone. The text is the same for the same number of columns, so that its hash, which the
page's own policy names, is too.
"""

from __future__ import annotations

_MOST_ON_PAPER = 6
"""Columns that fit on a sheet side by side."""

_STYLE = """
:root { --page: #fdfdfb; --text: #1b1b1d; --faint: #5b5d62; --line: #d5d5d0; --panel: #f3f3ef;
  --confirmed: #a61b1b; --on-confirmed: #ffffff; --likely: #f2b8b5; --possible: #fbe3e1; --on-blocked: #5c0f0f;
  --ok: #d7efd9; --on-ok: #0f4a1c; --down: #e6e2d6; --on-down: #3f3a2d; --refused: #e6dcf5; --on-refused: #3d1c6b;
  --inconclusive: #e8eaed; --on-inconclusive: #3c4043; --mixed: #fde7b3; --on-mixed: #553c00; --bar: #b3261e; }
@media screen and (prefers-color-scheme: dark) { :root { --page: #16171a; --text: #e8e8ea; --faint: #a9abb2;
  --line: #3a3c42; --panel: #1f2125;
  --confirmed: #9c2420; --on-confirmed: #ffffff; --likely: #5c2622; --possible: #3a2422; --on-blocked: #ffdad6;
  --ok: #1d3a24; --on-ok: #b8e6c0; --down: #3a372e; --on-down: #e6dfc8; --refused: #352a4d; --on-refused: #e0d2ff;
  --inconclusive: #303236; --on-inconclusive: #dfe1e5; --mixed: #4a3a10; --on-mixed: #ffe2a0; --bar: #ff7a70; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 84rem; padding: 1.25rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .3rem; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; overflow-wrap: anywhere; }
p { margin: .3rem 0 .8rem; max-width: 46rem; }
ul { margin: .3rem 0; padding: 0; list-style: none; }
code { font: .85em/1.4 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
dt { font-weight: 600; margin-top: .5rem; } dd { margin: 0; }
.faint { color: var(--faint); }
.legend { display: flex; flex-wrap: wrap; gap: .4rem; margin: .6rem 0 1rem; }
.legend li { padding: .1rem .55rem; border-radius: .3rem; font-size: .85rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.map { margin: .5rem 0; }
.row { display: grid; gap: .3rem; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr));
  padding: .5rem 0; border-top: 1px solid var(--line); align-items: stretch; }
.heads { display: none; }
.subject { grid-column: 1 / -1; font-weight: 650; overflow-wrap: anywhere; }
.subject small { display: block; font-weight: 400; color: var(--faint); font-size: .82rem; line-height: 1.35; }
.cell { border-radius: .35rem; font-size: .88rem; line-height: 1.35; min-width: 0; border: 1px solid transparent; }
.cell > summary, .none { padding: .4rem .55rem; }
summary { cursor: pointer; list-style: none; overflow-wrap: anywhere; }
summary::-webkit-details-marker { display: none; }
summary:focus-visible { outline: 3px solid var(--text); outline-offset: 1px; border-radius: .35rem; }
.cell summary span { display: block; }
.cell .word { font-weight: 650; }
.cell .where { font-size: .8rem; }
details[open].cell { grid-column: 1 / -1; }
.inside { background: var(--page); color: var(--text); padding: .6rem .7rem; border-radius: 0 0 .3rem .3rem; }
.inside h4 { margin: .5rem 0 .1rem; font-size: .95rem; overflow-wrap: anywhere; }
.inside h4:first-child { margin-top: 0; }
.inside p { margin: .1rem 0 .3rem; max-width: none; overflow-wrap: anywhere; }
.evidence li { padding: .3rem 0; border-top: 1px solid var(--line); display: grid; gap: 0 .8rem; }
.evidence .id { color: var(--faint); }
.none { border: 1px dashed var(--line); color: var(--faint); }
.blocked { background: var(--possible); color: var(--on-blocked); border-color: var(--bar); }
.blocked.likely { background: var(--likely); }
.blocked.confirmed { background: var(--confirmed); color: var(--on-confirmed); }
.ok { background: var(--ok); color: var(--on-ok); } .down { background: var(--down); color: var(--on-down); }
.refused { background: var(--refused); color: var(--on-refused); }
.inconclusive { background: var(--inconclusive); color: var(--on-inconclusive); }
.mixed { background: var(--mixed); color: var(--on-mixed); border: 1px dashed var(--on-mixed); }
svg { display: block; width: 100%; overflow: visible; }
.tracks { padding: 0 .6rem; }
.axis text { fill: var(--faint); font-size: .75rem; }
.grid { stroke: var(--line); stroke-width: 1; }
.measured { fill: var(--line); } .sure { fill: var(--bar); } .unsure { fill: var(--bar); opacity: .35; }
.begin { fill: var(--bar); } .end { fill: var(--page); stroke: var(--bar); stroke-width: 2.5; }
.mark { stroke: var(--faint); stroke-width: 1; } .mark.hit { stroke: var(--bar); stroke-width: 2; }
.going { fill: var(--bar); font-size: .85rem; }
.track { margin: .2rem 0 .9rem; } .track > .where { font-size: .92rem; overflow-wrap: anywhere; }
.event { border-left: 3px solid var(--bar); padding: .15rem 0 .15rem .6rem; margin: .35rem 0; font-size: .9rem; }
.event summary::after { content: " ▸ evidence"; color: var(--faint); }
.event[open] summary::after { content: " ▾ evidence"; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .6rem; font-size: .88rem; }
"""
_WIDE = """
.row { grid-template-columns: 11rem repeat(%(columns)d, minmax(%(least)s, 1fr)); }
.subject { grid-column: 1; position: sticky; left: 0; z-index: 1; background: var(--page); }
.cell .inside { position: sticky; left: 0; max-width: min(80rem, calc(100vw - 4rem)); }
.heads { display: grid; border-top: 0; align-items: end; font-size: .82rem; color: var(--faint); line-height: 1.3; }
.heads div { overflow-wrap: anywhere; } .heads b { color: var(--text); font-weight: 600; }
.cell:not([open]) .where { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%%); }
.cell { position: relative; } details[open].cell { order: 1; }
%(places)s
.evidence li { grid-template-columns: 12rem minmax(0, 4fr) minmax(0, 3fr) minmax(0, 4fr); }
dl { display: grid; grid-template-columns: 15rem 1fr; } dt, dd { margin: .15rem 0; }
.track { display: grid; grid-template-columns: 15rem minmax(0, 1fr); column-gap: 1rem; }
.track > .event { grid-column: 2; } .axis { margin-left: 16rem; width: calc(100%% - 16rem); }
"""
_PAPER = """
@page { margin: 14mm; }
body { max-width: none; padding: 0; font-size: 10pt; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.row, .track, .cell, .event { break-inside: avoid; } h2, h3 { break-after: avoid; }
.event summary::after { content: ""; }
"""


def style(columns: int) -> str:
    """The style of a page whose map has so many columns."""
    places = "\n".join(
        f".cell.c{number}:not([open]), .none.c{number} {{ grid-column: {number + 1}; }}"
        for number in range(1, columns + 1)
    )
    wide = _WIDE % {"columns": columns, "least": "6.5rem", "places": places}
    paper = _PAPER
    if columns <= _MOST_ON_PAPER:
        paper += _WIDE % {"columns": columns, "least": "0", "places": places}
    screen = f"@media screen and (min-width: 56rem) {{ .map {{ overflow-x: auto; }} {wide} }}"
    return f"{_STYLE}{screen}\n@media print {{ {paper} }}\n"
