"""The form in which email addresses are compared, and which addresses mail can be sent to.

People type the same address in several ways: in capitals, with full-width letters, with a domain
in their own script, with invisible characters that came along when it was copied. `canonical`
makes these equal. Everything that compares addresses or makes a key from one uses it.

A domain is encoded by one rule: UTS #46, non-transitional, as browsers and IDNA2008 do. `straße.de`
and `strasse.de` are two domains. The codec `idna` of the standard library would make them one.
"""

from __future__ import annotations

import re
import unicodedata

from redress.base import texts

LIMIT = 254
"""The most characters of an address (RFC 5321, 4.5.3.1.3, without the angle brackets)."""

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"({_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LOCAL_LIMIT = 64
_DOTS = str.maketrans("。｡．", "...")
_JOINERS = ("\u200c", "\u200d")
_PLAIN = r"[^@\s<>(),;:\\\"\[\]]+"
_LOOKS_LIKE_ONE = rf"{_PLAIN}@{_PLAIN}\.{_PLAIN}"


def cleaned(address: str) -> str:
    """Return an address as it is stored and shown.

    It stays as it was typed, but blanks around it and invisible characters in it are removed.
    Full-width letters, signs and dots become ASCII.
    """
    if address.isascii():
        return address.strip()
    local, at, domain = unicodedata.normalize("NFKC", address).rpartition("@")
    domain = _domain_without_hidden(domain.translate(_DOTS))
    return f"{texts.without_hidden(local)}{at}{domain}".strip()


def canonical(address: str) -> str:
    """Return the form of an address that is used to compare it with others.

    It is in lower case, without invisible characters, and its domain is in ASCII. The local part is
    in lower case, too, because mail systems ignore its case. A text that is no address is returned
    in lower case. Never raises.
    """
    if address.isascii():
        return address.strip().lower()
    local, at, domain = cleaned(address).rpartition("@")
    return f"{local}{at}{canonical_domain(domain) if at else domain}".lower()


def canonical_domain(domain: str) -> str:
    """Return a domain in ASCII and lower case. Without an ASCII form, only its case is changed."""
    return _in_ascii(domain) or domain.lower()


def is_within(domain: str, parent: str) -> bool:
    """Whether a domain is `parent` or a subdomain of it. Both domains must be canonical."""
    return domain == parent or domain.endswith(f".{parent}")


def deliverable(address: str) -> str | None:
    """Return an address in the form that SES accepts, or None if SES cannot send mail to it.

    SES needs ASCII: the domain encoded (Punycode), and a local part of ASCII characters (SES API
    v2, Destination). The documentation does not mention local parts in quotes, so they are refused.
    Every text that is not exactly one address is refused, too. Otherwise a customer could type a
    text that adds a second recipient.
    """
    local, _, domain = cleaned(address).rpartition("@")
    encoded = _in_ascii(domain)
    if encoded is None or len(local) > _LOCAL_LIMIT or not _LOCAL.fullmatch(local):
        return None
    found = f"{local}@{encoded}"
    if len(found) > LIMIT or not _DOMAIN.fullmatch(encoded) or not _has_valid_punycode(encoded):
        return None
    return found


def is_address(address: str) -> bool:
    """Whether mail can be sent to this address. All code that accepts addresses calls this."""
    return deliverable(address) is not None


def fault_of(address: str) -> tuple[str, str]:
    """Return the code and the English detail of what is wrong with a text that is no address.

    A text with the form of an address gets another code than a text without it, because the person
    who typed it has to look for another mistake. A text with control characters gets the same code
    as in any other field.
    """
    if fault := texts.fault_of(address):
        return fault
    if re.fullmatch(_LOOKS_LIKE_ONE, cleaned(address)[: 2 * LIMIT]):
        return "email_undeliverable", "mail cannot be sent to this address"
    return "email_expected", "this is no email address"


def _in_ascii(domain: str) -> str | None:
    """Return the ASCII form of a domain (UTS #46, ToASCII); None if it has none."""
    if domain.isascii():
        return domain.lower()
    if len(domain) > LIMIT:
        return None  # also limits the time to encode it, which grows with the square of the length
    import idna  # its tables take 15 ms, and few domains need them

    try:
        mapped = idna.uts46_remap(domain, std3_rules=False, transitional=False)
    except idna.IDNAError:
        return None
    labels = (
        label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
        for label in mapped.split(".")
    )
    return ".".join(labels).lower()


def _has_valid_punycode(domain: str) -> bool:
    """Whether every label `xn--...` of an ASCII domain encodes a valid label.

    A label is valid if it has a character beyond ASCII and UTS #46 maps it to itself.
    """
    labels = [label for label in domain.split(".") if label.startswith("xn--")]
    if not labels:
        return True
    import idna

    for label in labels:
        try:
            decoded = label[4:].encode("ascii").decode("punycode")
            mapped = idna.uts46_remap(decoded, std3_rules=False, transitional=False)
        except (UnicodeError, idna.IDNAError):
            return False
        if mapped != decoded or decoded.isascii() or _in_ascii(decoded) != label:
            return False
    return True


def _domain_without_hidden(domain: str) -> str:
    """Remove hidden characters, except the joiners that the domain needs (RFC 5892, appendix A).

    Persian domains can contain the zero-width non-joiner. Without it they are different domains.
    """
    bare = texts.without_hidden(domain)
    if not any(joiner in domain for joiner in _JOINERS) or bare.isascii() or len(domain) > LIMIT:
        return bare
    pieces = re.split("([\u200c\u200d])", domain)
    kept = [piece if piece in _JOINERS else texts.without_hidden(piece) for piece in pieces]
    labels = "".join(kept).split(".")
    return ".".join(
        "".join(
            letter
            for at, letter in enumerate(label)
            if letter not in _JOINERS or _needs_joiner(label, at)
        )
        for label in labels
    )


def _needs_joiner(label: str, at: int) -> bool:
    """Whether a joiner may stand at this place of a label."""
    import idna

    try:
        return idna.valid_contextj(label, at)
    except ValueError:
        # The library looks up the Unicode name of the character before the joiner. Some characters
        # have no name.
        return False
