"""Convert untrusted HTML into plain text, and into HTML that is safe to show.

lxml parses the source once. Its parser, libxml2, takes linear time and stops at a depth of 255. nh3
then sanitises the result. nh3 alone would be too slow for hostile HTML. It follows the algorithm of
the HTML standard, which reopens every unclosed `<b>` of a paragraph in each later paragraph: 68 KB
became 120 MB in 8 s. Another source, with 80,000 nested `<div>`, took 17 s.

The resulting HTML loads nothing: it has no scripts, styles, forms, frames or remote images. An
`img` that refers to an attached file becomes `<img data-cid="...">` without a source. The page that
shows the HTML fills in the source. The target of a link is written after the text of the link.
Elements with `display:none` are removed.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import lxml.html
import nh3
from lxml import etree

from redress.mail.incoming.reader import charset
from redress.mail.incoming.reader.limits import ELEMENTS, ENTITIES, HTML, TEXT, Code, Defects

_TAGS = set(
    "a abbr b bdi bdo big blockquote br caption center cite code dd del div dl dt em font h1 h2 h3 "
    "h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub sup table "
    "tbody td tfoot th thead tr tt u ul var".split()
)
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href"},
    "img": {"alt", "data-cid"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
}
_SCHEMES = {"http", "https", "mailto", "tel"}
_DROPPED = set(
    "script style head title template embed applet iframe frame noframes textarea map meta link base".split()
)
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style", "template", "title", "textarea"},
    attributes=_ATTRIBUTES,
    url_schemes=_SCHEMES,
    link_rel="noopener noreferrer nofollow",
    strip_comments=True,
)

_BLOCKS = set(
    "address article aside blockquote body caption center dd div dl dt fieldset figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tbody tfoot thead tr ul".split()
)
_SPACED = set("p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre".split())
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
_META = re.compile(rb"<meta[^<>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\f\xa0\u200b]+")
_TAG = re.compile(r"<[^<>]*>?")
_DROPPED_WHOLE = re.compile(r"(?is)<(script|style|head)\b[^<>]*>.{0,100000}?</\1\s*>")
_LONG_REFERENCE = re.compile(r"&#x?[0-9a-f]{8,}", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_RULE = "_" * 32


@dataclass(frozen=True, slots=True)
class Rendered:
    """The results for one piece of HTML. `html` is None if only its text can be shown."""

    text: str
    html: str | None


def label_inside(data: bytes) -> str:
    """Return the charset that the HTML itself names; "" if it names none.

    The caller uses it only if the headers of the part name no charset.
    """
    match = _META.search(data[:2048])
    return match.group(1).decode("ascii") if match else ""


def show(source: str, defects: Defects) -> Rendered:
    """Convert decoded HTML. Never raises."""
    data = source.encode("utf-8", "replace")
    if len(data) > HTML:
        defects.add(Code.HTML_CUT, f"{len(data)} bytes")
        data = data[:HTML]
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = lxml.html.document_fromstring(data, parser=parser)
    except (etree.LxmlError, ValueError):
        return (
            Rendered("", None) if not source.strip() else _stripped(source, defects, "unreadable")
        )
    if any(error.level_name == "FATAL" for error in parser.error_log):
        return _stripped(source, defects, "nested too deep")
    if sum(1 for _ in tree.iter()) > ELEMENTS:
        return _stripped(source, defects, "too many elements")
    _remove_hidden(tree)
    text = _Writer(defects).write(tree)
    _make_inert(tree)
    written = etree.tostring(tree, encoding="unicode", method="html").replace("&nbsp;", "\xa0")
    if written.count("&") > ENTITIES:
        defects.add(Code.HTML_LEFT_OUT, "too many escaped characters")
        return Rendered(text, None)
    return Rendered(text, charset.clean(_CLEANER.clean(written)).strip())


def escaped(text: str) -> str:
    """Return plain text as HTML, to put between other pieces of HTML."""
    return f"<pre>{html.escape(text, quote=False)}</pre>"


def _stripped(source: str, defects: Defects, why: str) -> Rendered:
    """Return the text of HTML that cannot be parsed as a tree.

    Tags are removed and character references decoded, all in linear time.
    """
    defects.add(Code.HTML_LEFT_OUT, why)
    source = _DROPPED_WHOLE.sub(" ", source[: 4 * TEXT])
    source = _LONG_REFERENCE.sub("", _TAG.sub(" ", source))
    text = charset.clean(html.unescape(source))
    lines = (_SPACE.sub(" ", line).strip() for line in text.split("\n"))
    return Rendered("\n".join(line for line in lines if line)[:TEXT], None)


def _name(element: etree._Element) -> str:
    return element.tag.lower() if isinstance(element.tag, str) else ""


def _remove_hidden(tree: etree._Element) -> None:
    """Remove the elements that a browser does not show. Text after a removed element stays."""
    gone = [
        element
        for element in tree.iter()
        if _name(element) in _DROPPED
        or not _name(element)
        or _HIDDEN.search(element.get("style", "")[:1_000])
    ]
    for element in gone:
        parent = element.getparent()
        if parent is not None:
            _remove_but_keep_tail(element, parent)


def _remove_but_keep_tail(element: etree._Element, parent: etree._Element) -> None:
    if element.tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _make_inert(tree: etree._Element) -> None:
    for element in list(tree.iter()):
        if _name(element) == "img":
            source = (element.get("src") or "").strip()
            element.attrib.pop("data-cid", None)
            if source.lower().startswith("cid:"):
                element.set("data-cid", source[4:204])
            else:
                # Loading a remote picture would tell its sender who opened the mail, and when.
                element.tag = "span"
                element.text = f"[{alt}]" if (alt := _shown(element.get("alt"))) else ""
        elif _name(element) == "a" and (target := real_target(element)):
            behind = etree.Element("span")
            behind.text = f" [{target}]"
            behind.tail, element.tail = element.tail, None
            element.addnext(behind)
        elif _name(element) not in _TAGS | {"html", "body"}:
            # Forms, drawings and unknown elements become `div` or `span` elements. They keep their
            # text, and nh3 gets only elements that it knows.
            element.attrib.clear()
            element.tag = "div" if _name(element) in _BLOCKS else "span"


def real_target(element: etree._Element) -> str:
    """Return the target of a link, to be shown after its text.

    Returns "" if the text of the link is its target already, or if the target is not a web address,
    a mail address or a telephone number. A long target is cut.
    """
    address = charset.clean(element.get("href") or "").strip()
    if not _ADDRESS.match(address):
        return ""
    words = _shown("".join(element.itertext()))
    bare = re.sub(r"^(?:mailto|tel):", "", address, flags=re.IGNORECASE)
    same = {bare, bare.rstrip("/"), address, re.sub(r"^https?://", "", address).rstrip("/")}
    return "" if words in same else bare if len(bare) <= 300 else f"{bare[:300]}..."


def _shown(text: str | None) -> str:
    return _SPACE.sub(" ", charset.clean(text or "")).strip()[:2_000]


class _Writer:
    """Writes a tree as lines of text. A line begins with `> ` for each blockquote around it."""

    def __init__(self, defects: Defects) -> None:
        self.defects = defects
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quoted = 0
        self.fixed = 0
        self.length = 0
        self.lists: list[int | None] = []

    def write(self, tree: etree._Element) -> str:
        for event, element in etree.iterwalk(tree, events=("start", "end")):
            if self.length > TEXT:
                self.defects.add(Code.TEXT_CUT)
                break
            if event == "start":
                self._open(element, _name(element))
                self._text(element.text)
            else:
                self._close(element, _name(element))
                self._text(element.tail)
        self._end_line()
        return "\n".join(self.lines).strip("\n")[:TEXT]

    def _open(self, element: etree._Element, name: str) -> None:
        if name in _BLOCKS:
            self._end_line(blank=name in _SPACED)
        if name == "blockquote":
            self.quoted += 1
        elif name == "pre":
            self.fixed += 1
        elif name in ("ul", "ol"):
            self.lists.append(1 if name == "ol" else None)
        elif name == "li":
            number = self.lists[-1] if self.lists else None
            self.line.append(f"{number}. " if number else "- ")
            if self.lists and number:
                self.lists[-1] = number + 1
        elif name == "br":
            self._end_line(even_empty=True)
        elif name == "hr":
            self.line.append(_RULE)
        elif name == "img" and (alt := _shown(element.get("alt"))):
            self.line.append(f"[{alt}]")

    def _close(self, element: etree._Element, name: str) -> None:
        if name == "a" and (target := real_target(element)):
            self._text(f" <{target}>")
        elif name in ("td", "th"):
            self.line.append("  ")
        if name in _BLOCKS:
            self._end_line(blank=name in _SPACED)
        if name == "blockquote":
            self.quoted -= 1
        elif name == "pre":
            self.fixed -= 1
        elif name in ("ul", "ol") and self.lists:
            self.lists.pop()

    def _text(self, text: str | None) -> None:
        if not text:
            return
        if self.fixed:
            first, *others = charset.clean(text).split("\n")
            self.line.append(first)
            for other in others:
                self._end_line(even_empty=True)
                self.line.append(other)
            return
        words = _SPACE.sub(" ", charset.clean(text))
        if words.startswith(" ") and (not self.line or self.line[-1].endswith(" ")):
            words = words[1:]
        if words:
            self.line.append(words)

    def _end_line(self, *, blank: bool = False, even_empty: bool = False) -> None:
        """End the current line.

        A line without content is written only with `even_empty`. With `blank`, an empty line
        follows, unless the last line is empty already.
        """
        line = "".join(self.line)
        # The blank makes the line a delimiter of a signature (RFC 3676, 4.3).
        line = line if line == "-- " else line.rstrip()
        self.line.clear()
        prefix = "> " * self.quoted
        if line or even_empty:
            self._add(f"{prefix}{line}".rstrip() if not line else f"{prefix}{line}")
        if blank and self.lines and self.lines[-1].strip("> "):
            self._add(prefix.rstrip())

    def _add(self, line: str) -> None:
        self.lines.append(line)
        self.length += len(line) + 1
