"""The builds as a picture: a panel per scenario and size, a bar per peer. Pure.

The picture brings its own ground, and both follow the reader's colour scheme: what stands in a page of either kind
stays readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from slipway.ui import columns
from tests.bench.peers import PEERS, SLIPWAY
from tests.bench.samples import Results, Series
from tests.bench.targets import COLD, LIBRARY, NOTHING, ONE

_PART, _SCENARIOS = "builds", (NOTHING, ONE, LIBRARY, COLD)
_MARGIN, _GUTTER, _NAME, _BARS, _VALUE = 32, 40, 66, 240, 74
_COLUMN = _NAME + _BARS + _VALUE
_TOP, _LINE, _BAR, _GAP = 104, 22, 12, 28
_PANEL = _LINE * (len(PEERS) + 1) + _GAP
_STYLE = """\
  .ground { fill: #ffffff; stroke: #d8dee4 } .bar { fill: #afb8c1 } .own { fill: #1a7f6b }
  text { fill: #57606a; font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif }
  .title { fill: #1f2328; font-size: 17px; font-weight: 600 } .head, .strong { fill: #1f2328; font-weight: 600 }
  .value { font-variant-numeric: tabular-nums } .axis { stroke: #d8dee4 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d } .bar { fill: #57606a } .own { fill: #3fb8a0 }
    text { fill: #9aa4ae } .title, .head, .strong { fill: #e6edf3 } .axis { stroke: #30363d }
  }
"""


def picture(results: Results) -> str:
    """An SVG of every scenario and size that the peers share. Bars of a panel share a scale of their own."""
    shared = [one for one in results.series if one.part == _PART and one.peer != SLIPWAY]
    sizes = sorted({one.services for one in shared if one.scenario in _SCENARIOS})
    width = 2 * _MARGIN + len(sizes) * _COLUMN + max(0, len(sizes) - 1) * _GUTTER
    height = _TOP + len(_SCENARIOS) * _PANEL + 2 * _LINE
    body = [_text(_MARGIN, 40, "Seconds to bring every image up to date", "title")]
    for column, services in enumerate(sizes):
        left = _MARGIN + column * (_COLUMN + _GUTTER)
        body.append(_text(left, 74, f"{services} services on two bases", "head"))
        for row, scenario in enumerate(_SCENARIOS):
            found = [results.find(scenario, services, peer.name) for peer in PEERS]
            body += _panel(left, _TOP + row * _PANEL, scenario, [one for one in found if one])
    rounds = sorted(
        {len(one.samples) for one in results.series if one.services in sizes and one.scenario in _SCENARIOS}
    )
    told = f"medians of {' or '.join(map(str, rounds))} rounds in turn · every panel has a scale of its own"
    peers = "bake: docker buildx bake · compose: docker compose build · script: one docker build after another"
    body += [_text(_MARGIN, height - 38, peers), _text(_MARGIN, height - 18, told)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
            "<title>slipway beside buildx bake, compose and a script: seconds of a build</title>",
            f"<style>\n{_STYLE}</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            *body,
            "</svg>\n",
        ]
    )


def _panel(left: int, top: int, scenario: str, found: Sequence[Series]) -> list[str]:
    longest = max((one.seconds for one in found), default=1.0)
    lines = [_text(left, top + 14, scenario, "head")]
    start = left + _NAME
    for number, one in enumerate(found, start=1):
        own = one.peer == SLIPWAY
        y = top + 4 + number * _LINE
        bar = max(1.5, _BARS * one.seconds / longest)
        kind = "bar own" if own else "bar"
        lines += [
            _text(left, y + 11, one.peer, "strong" if own else ""),
            f'<rect class="{kind}" x="{start}" y="{y}" width="{bar:.1f}" height="{_BAR}" rx="2"/>',
            _text(start + bar + 8, y + 11, columns.seconds(one.seconds), "value strong" if own else "value"),
        ]
    lines.append(f'<path class="axis" d="M{start - 0.5} {top + _LINE + 1}v{len(found) * _LINE - 3}"/>')
    return lines


def _text(x: float, y: float, said: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{escape(said)}</text>'
