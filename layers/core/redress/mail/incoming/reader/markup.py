"""Convert untrusted HTML into plain text, and into HTML that is safe to show.

lxml parses the source once. Its parser, libxml2, takes linear time and stops at a depth of 255. nh3
then sanitises the result. nh3 alone would be too slow for hostile HTML. It follows the algorithm of
the HTML standard, which reopens every unclosed `<b>` of a paragraph in each later paragraph: 68 KB
became 120 MB in 8 s. Another source, with 80,000 nested `<div>`, took 17 s.

The resulting HTML loads nothing: it has no scripts, styles, forms, frames or remote images. An
`img` that refers to an attached file becomes `<img data-cid="...">` without a source. The page that
shows the HTML fills in the source. Elements with `display:none` are removed.

The target of a link is written after the text of the link. It is the address that a browser would
open (https://url.spec.whatwg.org), and the link is changed to this address. A link that is relative
to the page, such as `/staff/quarantine`, would lead to another page of Redress. So it becomes plain
text, with its target in brackets after it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import urljoin

import nh3
from lxml import etree

from redress.mail.incoming.reader import charset
from redress.mail.incoming.reader.limits import ELEMENTS, ENTITIES, HTML, TEXT, Code, Defects

_TAGS = set(
    "a abbr b bdi bdo big blockquote br caption center cite code dd del div dl dt em font h1 h2 h3 "
    "h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub sup table "
    "tbody td tfoot th thead tr tt u ul var".split()
)
_LEFT = _TAGS | {"html", "body"}
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
    "script style head title template embed applet iframe frame noframes textarea meta link base".split()
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
_ENDS = re.compile(rb"(?:</(?:html|body)(?=[\s/>])[^<>]*+>?\s*+)++", re.IGNORECASE)
_DIVISION = b"<div></div>"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NOT_IN_ADDRESSES = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"
)
"""Control and invisible characters. Browsers ignore line ends and tabs anywhere in an address."""
_AUTHORITY = re.compile(r"[^/?#]*")
_MOST_OF_A_TARGET = 300
"""How many characters of the target of a link are shown."""
_MOST_OF_WORDS = 4_000
"""About how many characters of the text of a link are compared with its target."""
_CITED = re.compile(r"quote|cite|moz|yahoo|reply|forward|original|history", re.IGNORECASE)
"""Matches words in the class or id of a blockquote with which mail programs cite a mail."""
_BORDER = re.compile(r"border(?:-left)?(?:-width|-style)?\s*:\s*([^;]{0,60})", re.IGNORECASE)
_NO_BORDER = re.compile(r"\s*(?:medium\s+)?(?:none|0(?:px)?)\b", re.IGNORECASE)
_MARGIN = re.compile(r"margin(?:-left)?\s*:\s*[^;]{0,60}?\b([1-9]\d{0,3})(?:px|pt)", re.IGNORECASE)
_INDENT = 30
"""The least left margin of an indented paragraph, in pixels. Browsers use 40. Foxmail gives quotes
half an em."""
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
    data = _without_ends(data)
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        # None if there is no element. The elements of lxml.html would cost a call for each.
        tree: etree._Element | None = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError):
        tree = None
    if tree is None:
        return (
            Rendered("", None) if not source.strip() else _stripped(source, defects, "unreadable")
        )
    if any(error.level_name == "FATAL" for error in parser.error_log):
        return _stripped(source, defects, "nested too deep")
    if sum(1 for _ in tree.iter()) > ELEMENTS:
        return _stripped(source, defects, "too many elements")
    base = next((one.get("href", "") for one in tree.iter("base")), "")
    _remove_hidden(tree)
    _settle_links(tree, _target(base, ""))
    text = _Writer(defects).write(tree)
    _make_inert(tree)
    written = etree.tostring(tree, encoding="unicode", method="html").replace("&nbsp;", "\xa0")
    if written.count("&") > ENTITIES:
        defects.add(Code.HTML_LEFT_OUT, "too many escaped characters")
        return Rendered(text, None)
    return Rendered(text, charset.clean(_CLEANER.clean(written)).strip())


def _without_ends(data: bytes) -> bytes:
    """Return HTML without `</body>` and `</html>` if more follows them.

    Browsers show what follows as part of the body. libxml2 puts it beside the root of the tree.
    """
    first = _ENDS.search(data)
    if first is None or not _ENDS.sub(b"", data[first.start() :]).strip():
        return data
    return _ENDS.sub(_DIVISION, data)


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
        if (name := _name(element)) in _DROPPED
        or not name
        or ((style := element.get("style")) and _HIDDEN.search(style[:1_000]))
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
        name = _name(element)
        if name == "img":
            source = (element.get("src") or "").strip()
            element.attrib.pop("data-cid", None)
            if source.lower().startswith("cid:"):
                element.set("data-cid", source[4:204])
            else:
                # Loading a remote picture would tell its sender who opened the mail, and when.
                element.tag = "span"
                element.text = f"[{alt}]" if (alt := _shown(element.get("alt"))) else ""
        elif name == "a" and (target := real_target(element)):
            behind = etree.Element("span")
            behind.text = f" [{target}]"
            behind.tail, element.tail = element.tail, None
            element.addnext(behind)
        elif name not in _LEFT:
            # Forms, drawings and unknown elements become `div` or `span` elements. They keep their
            # text, and nh3 gets only elements that it knows.
            element.attrib.clear()
            element.tag = "div" if name in _BLOCKS else "span"


def _settle_links(tree: etree._Element, base: str) -> None:
    """Replace the target of each link by the address that a browser would open.

    A link without such an address becomes plain text. If it is relative to the page, its target is
    added to this text. An area of a picture becomes a link whose text is the area's description.
    """
    for element in list(tree.iter("a", "area")):
        href = element.get("href")
        if href is None:
            continue
        target = _target(href, base)
        relative = "" if target else _relative(href)
        if _name(element) == "area":
            if not target and not relative:
                continue
            element.tag = "a"
            element.text = f" {_shown(element.get('alt')) or target or relative} "
        if target:
            element.set("href", target)
            continue
        del element.attrib["href"]
        if relative and relative != _words_in(element):
            _append(element, f" [{relative}]")


def _append(element: etree._Element, text: str) -> None:
    """Add text at the end of the element."""
    if len(element):
        element[-1].tail = f"{(element[-1].tail or '').rstrip()}{text}"
    else:
        element.text = f"{(element.text or '').rstrip()}{text}"


def _target(href: str, base: str) -> str:
    """Return the address that a browser would open for a link; "" if the link leads nowhere.

    Only web addresses, mail addresses and telephone numbers are targets. `base` is the target of
    the HTML's own `<base>`, or "".
    """
    address = _NOT_IN_ADDRESSES.sub("", charset.clean(href)).strip()
    found = _SCHEME.match(address)
    if found is not None:
        scheme, rest = found.group(1).lower(), address[found.end() :]
        if scheme in ("http", "https"):
            return _web_address(scheme, rest)
        return f"{scheme}:{rest}" if scheme in _SCHEMES and rest else ""
    # Browsers read a backslash as a slash. Two of them begin the name of a host.
    if address[:2].replace("\\", "/") == "//":
        return _web_address("https", address)
    if address[:4].lower() == "www.":
        return _web_address("http", address)
    if not address or not base.startswith("http"):
        return ""
    try:
        return urljoin(base, address.replace("\\", "/"))
    except ValueError:
        return ""


def _relative(href: str) -> str:
    """Return the target of a link that is relative to the page, to be shown as text.

    Returns "" if the target has a scheme or is a place within the page, such as `#top`.
    """
    address = _NOT_IN_ADDRESSES.sub("", charset.clean(href)).strip()
    if address.startswith("#") or not address.strip("./\\") or _SCHEME.match(address):
        return ""
    shown = _shown(address)
    return shown if len(shown) <= _MOST_OF_A_TARGET else f"{shown[:_MOST_OF_A_TARGET]}..."


def _web_address(scheme: str, rest: str) -> str:
    path, mark, query = rest.partition("?")
    path = path.replace("\\", "/").lstrip("/")
    return f"{scheme}://{path}{mark}{query}" if path else ""


def real_target(element: etree._Element) -> str:
    """Return the target of a link, to be shown after its text.

    Returns "" if the link has no target, or if its text is the target already. A long target is
    cut, but the host in it is complete.
    """
    address = element.get("href") or ""
    if not address:
        return ""
    words = _words_in(element)
    bare = re.sub(r"^(?:mailto|tel):", "", address)
    same = {bare, bare.rstrip("/"), address, re.sub(r"^https?://", "", address).rstrip("/")}
    if words in same:
        return ""
    if len(bare) <= _MOST_OF_A_TARGET:
        return bare
    scheme, slashes, rest = address.partition("://")
    host = _AUTHORITY.match(rest).group().rpartition("@")[2] if slashes else ""  # type: ignore[union-attr] # matches always
    if host and rest.find(host) + len(host) > _MOST_OF_A_TARGET - 10:
        # A long user name before the host, or a long host, would hide where the link leads.
        return f"{scheme}://...{host[-_MOST_OF_A_TARGET:]}/..."
    return f"{bare[:_MOST_OF_A_TARGET]}..."


def _is_indent(element: etree._Element) -> bool:
    """Whether a blockquote is an indented paragraph of the writer, and not a cited mail.

    The button for indenting in Gmail, Apple Mail and Outlook makes such blockquotes. They have a
    left margin and no border. The quotes of mail programs have `type="cite"`, a class or a border.
    """
    label = f"{element.get('class', '')} {element.get('id', '')}"[:1_000]
    if "webkit-indent-blockquote" in label:
        return True
    if (
        element.get("type")
        or element.get("cite")
        or element.get("itemtype")
        or _CITED.search(label)
    ):
        return False
    style = element.get("style", "")[:1_000]
    borders = _BORDER.findall(style)
    if not all(_NO_BORDER.match(one) for one in borders):
        return False
    margin = _MARGIN.search(style)
    return margin is not None and int(margin.group(1)) >= _INDENT


def _shown(text: str | None) -> str:
    return _SPACE.sub(" ", charset.clean(text or "")).strip()[:2_000]


def _words_in(element: etree._Element) -> str:
    """Return the beginning of the text in an element, to compare it with a target.

    Links can be nested, so reading the complete text of every link could take quadratic time.
    """
    found, length = [], 0
    for text in element.itertext():
        found.append(text)
        length += len(text)
        if length > _MOST_OF_WORDS:
            break
    return _shown("".join(found))


class _Writer:
    """Writes a tree as lines of text. A line begins with `> ` for each quote around it."""

    def __init__(self, defects: Defects) -> None:
        self.defects = defects
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes: list[bool] = []
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
            self.quotes.append(not _is_indent(element))
            self.quoted += self.quotes[-1]
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
            self.quoted -= self.quotes.pop()
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
