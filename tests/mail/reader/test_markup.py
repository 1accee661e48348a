"""HTML from strangers: it loads nothing, runs nothing and hides no link target."""

from __future__ import annotations

import re

import pytest

from redress.mail.incoming.reader import limits, markup
from redress.mail.incoming.reader.limits import Code, Defects


def show(html: str) -> markup.Rendered:
    return markup.show(html, Defects())


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mi//xlink:href='data:x,<script>alert(4)</script>'>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<form action=https://t.example><input name=password></form>",
    "<link rel=stylesheet href=https://t.example/x.css>",
    "<style>@import 'https://t.example/x.css'</style>",
    "<p style='background:url(https://t.example/p.gif)'>x</p>",
    "<table background=https://t.example/p.gif><tr><td>x</table>",
    "<video src=https://t.example/v poster=https://t.example/p></video>",
    "<img src=https://t.example/p.gif>",
    "<img srcset='https://t.example/p.gif 2x'>",
    "<img src='cid:a' srcset='https://t.example/p.gif' lowsrc=https://t.example/q>",
    "<base href=https://t.example/>",
    "<meta http-equiv=refresh content='0;url=https://t.example'>",
    "<object data=https://t.example/x></object>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<textarea><img title='</textarea><img src onerror=alert(1)>'></textarea>",
    "<!--[if gte mso 9]><img src=https://t.example/p.gif><![endif]-->",
    "<div data-cid=x><img data-cid='../../secret' src=https://t.example></div>",
]
LOADS = re.compile(
    r"<[^>]*\b(?:src|srcset|lowsrc|background|poster|data|style|action|on\w+|xlink:href)\s*=|"
    r"<(?:script|style|iframe|svg|math|form|input|link|meta|base|object|embed|video)\b|"
    r"href=.?(?:javascript|data)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_shown_html_loads_and_runs_nothing(attack: str) -> None:
    for html in (attack, f"<div>{attack}<p>words", f"<table><tr>{attack}"):
        shown = show(html).html or ""
        assert not LOADS.search(shown), shown


def test_attached_pictures_keep_their_place() -> None:
    shown = show('<p>See <img src="cid:photo@1" alt="the box"></p>')
    assert shown.html == '<p>See <img alt="the box" data-cid="photo@1"></p>'
    assert shown.text == "See [the box]"


def test_a_link_shows_its_target() -> None:
    shown = show('<a href="https://evil.example/login">https://bank.example</a>')
    assert shown.text == "https://bank.example <https://evil.example/login>"
    assert shown.html == (
        '<a href="https://evil.example/login" rel="noopener noreferrer nofollow">'
        "https://bank.example</a><span> [https://evil.example/login]</span>"
    )


@pytest.mark.parametrize(
    "html",
    ['<a href="https://a.example/">a.example</a>', '<a href="mailto:a.example">a.example</a>'],
)
def test_a_link_whose_text_is_its_target_shows_it_once(html: str) -> None:
    assert show(html).text == "a.example"


def test_the_text_has_the_lines_that_people_see() -> None:
    html = (
        "<title>T</title><p>One<br>two&nbsp;three</p><div>four</div><div>five<div>six</div></div>"
        "<ul><li>a</li><li>b</li></ul><ol><li>c<li>d</ol><table><tr><td>1</td><td>2</td></tr></table>"
        "<pre>  x\n   y</pre>"
    )
    assert show(html).text == (
        "One\ntwo three\n\nfour\nfive\nsix\n\n- a\n- b\n\n1. c\n2. d\n\n1  2\n\n  x\n   y"
    )


def test_lines_of_blockquotes_get_quote_marks() -> None:
    html = "<p>New</p><blockquote><p>Old</p><blockquote>Older</blockquote></blockquote>"
    assert show(html).text.split("\n") == ["New", "", "> Old", ">", "> > Older", "> >"][:6]


def test_hidden_elements_are_removed() -> None:
    shown = show("<div style='display: none'>preheader</div><p>Hello</p><style>p{}</style> there")
    assert shown.text == "Hello\n\n there".replace(" there", "there")
    assert shown.html is not None
    assert "preheader" not in shown.html


def test_text_after_a_removed_element_stays() -> None:
    assert show("<p>one<script>x</script> two<iframe></iframe> three</p>").text == "one two three"


@pytest.mark.parametrize(
    "html",
    ["<div>" * 1_000 + "deep", "<p>x" * (limits.ELEMENTS + 1), "<b>" * 5_000 + "<p>x" * 5_000],
)
def test_excessive_html_is_shown_as_text(html: str) -> None:
    defects = Defects()
    shown = markup.show(html, defects)
    assert shown.html is None
    assert shown.text.split()[-1] in ("deep", "x")
    assert Code.HTML_LEFT_OUT in {one.code for one in defects}


def test_html_without_text_yields_nothing() -> None:
    for html in ("", "   ", "<!-- -->", "<html></html>", "\ufeff"):
        assert show(html).text == ""
