"""`report.html`: one file that opens anywhere, without the network and without a script. Pure.

A verdict in words comes first, then what the doctor found, then plots, each with a table.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from gateway.cli import doctor, language
from gateway.cli.language import _, moment, number, plural
from gateway.cli.screen import LEVEL_WORDS, Level, Row
from gateway.doctor.finding import Found
from gateway.history import Sample
from gateway.report import plot, story
from gateway.report.plot import Table, text
from gateway.report.story import Signal, Story

SHOWN_DEVICES: Final = 40  # as strips; all stand in the archive
WEAKEST, STRONGEST = -25.0, 15.0  # dB of SNR
STYLE: Final = """
:root{--paper:#fff;--ink:#1b1f24;--soft:#59636e;--rule:#d8dee4;--a:#0b62a4;--b:#b3470b;
--ok:#1a7f37;--note:#7d5600;--bad:#b3202c;--unknown:#59636e;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--paper:#12161b;--ink:#e6edf3;--soft:#9da7b1;
--rule:#333b44;--a:#6cb6ff;--b:#f0a35e;--ok:#57c878;--note:#e3b341;--bad:#ff8a80;
--unknown:#9da7b1}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;line-height:1.25;margin:.3rem 0}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--rule)}
h3{font-size:1rem;margin:0}
p{margin:.2rem 0}.soft,figcaption p,.x,.y{color:var(--soft)}
.verdict{font-size:1.15rem;border-left:.35rem solid;padding:.3rem .8rem;margin:.8rem 0}
.finding{border-left:.35rem solid;padding:.1rem .8rem;margin:.6rem 0}
.ok{border-color:var(--ok)}.note{border-color:var(--note)}.bad{border-color:var(--bad)}
.unknown{border-color:var(--unknown)}
b.ok{color:var(--ok)}b.note{color:var(--note)}b.bad{color:var(--bad)}b.unknown{color:var(--unknown)}
figure{margin:1.4rem 0}
.chart{display:grid;grid-template-columns:3.4rem 1fr;margin-top:1.6rem;font-size:.8rem}
.y{position:relative}.y span,.y b{position:absolute;right:.4rem;transform:translateY(50%);
white-space:nowrap}.y b{left:0;right:auto;bottom:calc(100% + 1rem);font-weight:400}
svg{display:block;width:100%;height:9rem;overflow:visible}
.x{grid-column:2;position:relative;height:1.4rem}
.x span{position:absolute;white-space:nowrap;padding:0 .2rem}
.x .end{transform:translateX(-60%)}
path{fill:none;vector-effect:non-scaling-stroke;stroke-width:1}
.rule{stroke:var(--rule)}.day{stroke:var(--rule)}
.start{stroke:var(--soft);stroke-dasharray:2 3}
path.a{stroke:var(--a);stroke-width:2}path.b{stroke:var(--b);stroke-width:2;stroke-dasharray:5 3}
path.fill{fill:var(--a);fill-opacity:.18;stroke:none}
.key{display:flex;flex-wrap:wrap;gap:0 1.2rem;list-style:none;margin:0 0 0 3.4rem;padding:0;
font-size:.85rem}
.key li::before{content:"";display:inline-block;width:1.6rem;margin-right:.4rem;
vertical-align:middle;border-top:2px solid var(--a)}
.key li.b::before{border-top:2px dashed var(--b)}
.strip{height:1.5rem;min-width:9rem;overflow:hidden}
.eui{white-space:nowrap;font-size:.85em}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--rule);
vertical-align:top;font-weight:400}thead th{color:var(--soft)}
td.figure,th.figure{text-align:right;white-space:nowrap}
details{margin:.4rem 0}summary{cursor:pointer;padding:.4rem 0}
@media(max-width:34rem){body{padding:.7rem}.chart{grid-template-columns:2.9rem 1fr}
.key{margin-left:2.9rem}svg{height:8rem}.strip{height:1.3rem;min-width:5rem}
.phone-off,.dense span:nth-child(even){display:none}}
"""
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


class Facts(NamedTuple):
    """What a page is made of. `level` and `verdict` are those of `kogge status`; `at` is Unix
    seconds, None while nobody knows; `absent`: what is not in the archive, and why.
    """

    who: str
    version: str
    at: float | None
    level: Level
    verdict: str
    rows: Sequence[Row]
    findings: Sequence[Found]
    samples: Sequence[Sample]
    signals: Sequence[dict[str, Any]]
    absent: Sequence[tuple[str, str]]


def page(facts: Facts) -> str:
    return "\n".join([*_head(facts), *_body(facts), "</body></html>", ""])


def _head(facts: Facts) -> Iterator[str]:
    speaks = "de" if language.spoken() == "de" else "en"
    yield f'<!DOCTYPE html><html lang="{speaks}"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{text(facts.who)}</title><style>{STYLE}</style></head><body>"


def _body(facts: Facts) -> Iterator[str]:
    at = _("at an unknown time: the clock is not set") if facts.at is None else moment(facts.at)
    yield f'<header><p class="soft">Kogge {text(facts.version)}, {text(at)}</p>'
    yield f"<h1>{text(facts.who)}</h1>"
    yield f'<p class="verdict {facts.level}" id="verdict">{text(facts.verdict)}</p></header><main>'
    yield from _doctor(facts.findings)
    yield f"<h2>{text(_('The last days'))}</h2>"
    told = Story.of(facts.samples)
    if told is None:
        yield f"<p>{text(_('There is no history yet: a sample is taken every five minutes.'))}</p>"
    else:
        yield from _plots(told)
    yield from _signals(story.signals(facts.signals), len(facts.signals))
    yield f"<h2>{text(_('All parts'))}</h2>"
    yield from _rows(facts.rows)
    if facts.absent:
        yield f"<h2>{text(_('Not in this report'))}</h2>"
        yield from plot.table(Table((_("what"), _("why")), facts.absent))
    yield "</main>"


def _doctor(found: Sequence[Found]) -> Iterator[str]:
    """What is wrong stands open, the rest folded."""
    yield f"<h2>{text(_('What the doctor found'))}</h2><p>{text(doctor.conclusion(found))}</p>"
    wrong = [one for one in found if one.finding.level in ("bad", "note")]
    for one in sorted(wrong, key=lambda one: one.finding.level):
        yield f'<div class="finding {one.finding.level}">'
        yield from _row(doctor.row(one), "p")
        yield "</div>"
    others = [one for one in found if one not in wrong]
    if others:
        summary = plural("{n} more check", "{n} more checks", len(others))
        rows = [doctor.row(one) for one in others]
        yield from plot.folded(summary, _rows(rows))


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    yield "<ul>"
    for row in rows:
        yield "<li>"
        yield from _row(row, "div")
        yield "</li>"
    yield "</ul>"


def _row(row: Row, tag: str) -> Iterator[str]:
    word = text(_(LEVEL_WORDS[row.level]))
    yield f'<{tag}><b class="{row.level}">{word}</b> <b>{text(row.name)}:</b> '
    yield f"{text(row.text)}</{tag}>"
    yield from (f'<{tag} class="soft">{text(more)}</{tag}>' for more in row.more)


def _plots(told: Story) -> Iterator[str]:
    begins, ends = moment(told.span.begins), moment(told.samples[-1].at)
    yield f"<p>{text(_('From {begins} to {ends}.', begins=begins, ends=ends))}"
    if told.starts:
        yield text(_("Dotted lines are starts of the daemon."))
    yield "</p>"
    axis = story.axis(told)
    for name, one in story.plots(told):
        yield from plot.figure(one, told.span, axis, name, _("The same as a table"))


def _signals(found: Sequence[Signal], devices: int) -> Iterator[str]:
    yield f"<h2>{text(_('Signal of each device'))}</h2>"
    said = _(
        "{heard} of {devices} devices were heard; the weakest come first.",
        heard=number(len(found)), devices=number(devices),
    )  # fmt: skip
    explained = _(
        "Strokes are the SNR of the last uplinks, from {low} to {high} dB; the dotted line is the"
        " least at which the device's spreading factor is understood. The margin is how far their"
        " middle lies above that.",
        low=number(WEAKEST), high=number(STRONGEST),
    )  # fmt: skip
    yield f'<figure id="snr"><figcaption><p>{text(said)}</p>'
    if found:
        yield f"<p>{text(explained)}</p></figcaption>"
        yield from _strips(found[:SHOWN_DEVICES])
        if len(found) > SHOWN_DEVICES:
            yield f"<p>{text(_more(len(found) - SHOWN_DEVICES))}</p>"
    else:
        yield "</figcaption>"
    yield "</figure>"


def _more(devices: int) -> str:
    return plural("{n} more stands in signals.json", "{n} more stand in signals.json", devices)


def _strips(found: Sequence[Signal]) -> Iterator[str]:
    yield f'<div class="wide"><table><thead><tr><th scope="col">{text(_("device"))}</th>'
    yield f'<th scope="col">SNR</th><th scope="col" class="figure">{text(_("margin"))}</th>'
    yield '<th scope="col" class="figure phone-off">SF</th></tr></thead><tbody>'
    for one in found:
        yield f'<tr><th scope="row">{text(one.name)}<br>'
        yield f'<span class="soft eui">{text(one.dev_eui)}</span></th>'
        yield f"<td>{plot.strip(one.snr, WEAKEST, STRONGEST, one.floor)}</td>"
        yield f'<td class="figure">{number(one.margin, 1)} dB</td>'
        yield f'<td class="figure phone-off">{one.sf}</td></tr>'
    yield "</tbody></table></div>"
