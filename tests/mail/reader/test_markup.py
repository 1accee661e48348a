"""HTML from strangers: it loads nothing, runs nothing and hides no link target."""

from __future__ import annotations

import re
from html import escape

import pytest

from redress.mail.incoming.reader import limits, markup
from redress.mail.incoming.reader.limits import Code, Defects
from tests import effort


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


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("//evil.example/login", "https://evil.example/login"),
        ("/\\evil.example", "https://evil.example"),
        ("\\\\evil.example", "https://evil.example"),
        (" &#9;//evil.example", "https://evil.example"),
        ("///evil.example", "https://evil.example"),
        ("ht\ttps:/\n/evil.example", "https://evil.example"),
        ("https:evil.example", "https://evil.example"),
        ("HTTPS:\\\\evil.example\\a?b\\c", "https://evil.example/a?b\\c"),
        ("https://bank.example\\@evil.example", "https://bank.example/@evil.example"),
        ("https://bank.example@evil.example/", "https://bank.example@evil.example/"),
        ("\u200bhttps://evil.example/\u202egpj", "https://evil.example/gpj"),
        ("www.evil.example/x", "http://www.evil.example/x"),
        ("mailto:li@evil.example", "li@evil.example"),
    ],
)
def test_a_link_shows_the_address_that_a_browser_would_open(href: str, target: str) -> None:
    shown = show(f'<a href="{href}">https://bank.example</a>')
    assert shown.text == f"https://bank.example <{target}>"
    assert shown.html is not None
    assert f"<span> [{target}]</span>" in shown.html
    assert f'href="{target}"' in shown.html.replace("mailto:", "")


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("/pay/now", "/pay/now"),
        ("pay.php", "pay.php"),
        ("../pay", "../pay"),
        ("?a=b", "?a=b"),
        ("pay?to=https://bank.example", "pay?to=https://bank.example"),
        (" /p\tay\u202e/now ", "/pay/now"),
        ("/" + "a" * 400, "/" + "a" * 299 + "..."),
        ("/%22%3E&lt;b&gt;", "/%22%3E<b>"),
    ],
)
@pytest.mark.parametrize("words", ["click", "<b>click</b>", "<b>cl</b>ick "])
def test_a_relative_link_shows_its_target_and_leads_nowhere(
    href: str, target: str, words: str
) -> None:
    shown = show(f'<p>So <a href="{href}">{words}</a> now</p>')
    assert shown.text == f"So click [{target}] now"
    assert shown.html is not None
    assert f" [{escape(target, quote=False)}]</a> now" in shown.html
    assert "href" not in shown.html


def test_a_relative_link_whose_text_is_its_target_shows_it_once() -> None:
    assert show('<a href="bank.example/pay"><i>bank.example/pay</i></a>').text == "bank.example/pay"


@pytest.mark.parametrize("href", ["/x", "https://a.example/x"])
def test_links_in_links_are_read_quickly(href: str) -> None:
    hostile = f"<a href='{href}'><b>" * 120 + "<i>z</i>" * 45_000
    found = effort.within(5, lambda: show(hostile))
    assert found.text.count("/x") == 120


def test_each_of_many_relative_links_shows_its_target() -> None:
    assert show("<a href=/x>y</a>\n" * 10_000).text.count("y [/x]") == 10_000


@pytest.mark.parametrize(
    "href",
    [
        "#top",
        ".",
        "./",
        "",
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "cid:x",
        "file:///etc/passwd",
    ],
)
def test_a_link_without_an_address_of_its_own_leads_nowhere(href: str) -> None:
    shown = show(f'<a href="{href}">invoice</a>')
    assert shown.text == "invoice"
    assert "href" not in (shown.html or "")


def test_the_base_of_the_html_applies_to_its_links() -> None:
    shown = show('<base href="//evil.example/a/"><a href="login">x</a> <a href="/y">y</a>')
    assert shown.text == "x <https://evil.example/a/login> y <https://evil.example/y>"
    assert show('<base href="javascript:x"><a href="login">x</a>').text == "x [login]"
    assert show('<base href="https://[x"><a href="login">x</a>').text == "x [login]"


def test_areas_of_pictures_show_their_targets() -> None:
    areas = '<area href="//evil.example" alt="Pay"><area href="/x" alt="y">'
    shown = show(f'<img src="cid:a" usemap="#m"><map name="m">{areas}</map>')
    assert shown.text == "Pay <https://evil.example> y [/x]"
    assert (shown.html or "").count("href") == 1


@pytest.mark.parametrize(
    "href",
    [
        "https://bank.example." + "a." * 200 + "evil.example/",
        "https://bank.example" + "a" * 400 + "@evil.example/login",
    ],
)
def test_a_long_target_shows_its_host(href: str) -> None:
    shown = show(f'<a href="{href}">https://bank.example</a>').text
    assert "evil.example/" in shown
    assert len(shown) < 400


@pytest.mark.parametrize(
    "html",
    [
        "<html><body><p>Hello,</p></body></html><p>it is broken</p>",
        "<html><body><p>Hello,</p></body></html >\n<!-- x -->it is broken",
        "<HTML><BODY><p>Hello,</BODY><div>it is broken</div></HTML>",
        "<html><body>Hello,</body></html><html><head><title>T</title><style>p{}</style></head>"
        "<body class=x>it is broken</body></html>",
        "<!doctype html><html><body>Hello,</body></html>\n<!doctype html><body>it is broken",
        "<p>Hello,</p></html></html></body><b>it is broken</b></body>",
    ],
)
def test_html_after_its_end_is_read(html: str) -> None:
    shown = show(html)
    assert shown.text.split() == ["Hello,", "it", "is", "broken"]
    assert shown.html is not None
    assert "it is broken" in shown.html
    assert "\n" in shown.text, "documents do not run together"


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


@pytest.mark.parametrize(
    "attributes",
    [
        'style="margin:0 0 0 40px;border:none;padding:0px"',
        'style="margin: 0px 0px 0px 40px; border: medium none; padding: 0px;"',
        'class="webkit-indent-blockquote" style="margin: 0 0 0 40px; border: none;"',
        'style="margin-left:80px"',
    ],
)
def test_an_indented_paragraph_is_no_quote(attributes: str) -> None:
    html = f"<div>Hello<blockquote {attributes}>Order 4711<br>is broken</blockquote>Thanks</div>"
    assert show(html).text.split() == ["Hello", "Order", "4711", "is", "broken", "Thanks"]


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        'type="cite"',
        'type="cite" style="margin:0 0 0 40px;border:none"',
        'cite="mid:1@example.com"',
        'class="gmail_quote" style="margin:0 0 0 40px;border:none"',
        'style="margin:0px 0px 0px 0.8ex;border-left:1px solid #ccc;padding-left:1ex"',
        'style="border-left:2px solid #1010ff;margin-left:40px"',
        'style="margin-top: 0px; margin-bottom: 0px; margin-left: 0.5em"',
        'id="isReplyContent" style="margin:0 0 0 40px"',
    ],
)
def test_a_quote_of_a_mail_program_keeps_its_marks(attributes: str) -> None:
    assert "> Old" in show(f"<p>New</p><blockquote {attributes}>Old</blockquote>").text


def test_an_indent_within_a_quote_belongs_to_the_quote() -> None:
    indent = '<blockquote style="margin:0 0 0 40px;border:none">deep</blockquote>'
    text = show(f"<blockquote>Old{indent}older</blockquote>new").text
    assert [line for line in text.split("\n") if line.strip("> ")] == [
        "> Old",
        "> deep",
        "> older",
        "new",
    ]


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
