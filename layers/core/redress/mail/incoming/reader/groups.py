"""Recognise mail that came through a group or forwarder that the plan names.

A group adds the headers of a mailing list to every mail, so these headers show nothing about the
author. But every sender can write a header that names the group. So a header alone is only a claim
that the mail came through the group. The proof is something that a sender cannot forge: the group's
address as the sender of the envelope, checked with SPF, or in From, checked with DMARC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from redress.base.addresses import canonical, canonical_domain, is_within
from redress.mail.incoming.reader import verdicts
from redress.mail.incoming.reader.mail import ParsedMail

POST_HEADERS = ("list-post", "mailing-list", "x-mailing-list", "x-beenthere")
"""Headers in which a mailing list names the address that people write to."""
_PASSED_BY = (
    *POST_HEADERS,
    "x-spam-checked-in-group",
    "sender",
    "resent-from",
    "resent-sender",
    "return-path",
    "x-forwarded-for",
    "x-forwarded-to",
    "x-original-to",
    "delivered-to",
)
"""Headers in which groups and forwarders name their own address."""
_ADDRESS = re.compile(r"(?<![\w.+=-])([\w.=-]{1,64})(?:\+[\w.+=-]{0,200})?@([\w.-]{1,253})")
"""Matches an address and captures it without the part after a plus, which mailing groups add in
Return-Path."""
_LIST_ID = re.compile(r"<([^<>\s]{1,255})>\s*\Z")
_HOST = re.compile(r"(?:@|//)([\w.-]{1,253})")
_HOSTED = ("googlegroups.com", "groups.google.com", "groups.io")
"""Hosts in List-Unsubscribe if a provider runs the group for the domain of the house."""
_MOST_READ = 2_000


@dataclass(frozen=True, slots=True)
class Passage:
    """How a mail came through a group or forwarder of the plan.

    claimed  a header names the group, or the passage is proven. Anybody can write such a header
    proven   the envelope or From proves that the mail came through the group
    listed   List-Id names the group, or another header of a list does if there is no List-Id. So
             the group itself may have added these headers. A mere forwarder adds no such headers:
             if a mail has them, they are its author's
    """

    claimed: bool = False
    proven: bool = False
    listed: bool = False

    @property
    def adds_list_headers(self) -> bool:
        return self.proven and self.listed


def passage_of(mail: ParsedMail, groups: Iterable[str]) -> Passage:
    """Return how the mail came through one of `groups`, which are addresses and List-Ids.

    An address in `groups` also stands for the List-Id that Google Groups makes from it:
    complaints@shop.example also stands for complaints.shop.example.
    """
    named = frozenset(canonical(one) for one in groups)
    if not named:
        return Passage()
    names = named | {one.replace("@", ".") for one in named}
    list_id = _list_id(mail)
    listed = list_id in names if list_id else _names_one(mail, POST_HEADERS, names)
    rewritten = _has_own_from(mail, named)
    claimed = listed or rewritten or _names_one(mail, _PASSED_BY, names)
    proven = is_relayed(mail, named) or (rewritten and is_authentic(mail))
    return Passage(claimed or proven, proven, listed)


def is_relayed(mail: ParsedMail, groups: Iterable[str]) -> bool:
    """Whether the envelope proves that one of `groups` passed the mail on.

    The envelope's sender must be the address of the group, apart from a part after a plus, and SPF
    must have passed. The domain alone is no proof, because strangers have addresses at the domain
    of a provider.
    """
    local, _, domain = canonical(mail.return_path or "").rpartition("@")
    address = f"{local.partition('+')[0]}@{domain}"
    named = {canonical(one) for one in groups}
    is_one = address in named or address.replace("@", ".") in named
    return is_one and bool(local) and verdicts.verdicts(mail).spf == "pass"


def adds_unsubscribe(mail: ParsedMail, groups: Iterable[str]) -> bool:
    """Whether List-Unsubscribe of a mail only names domains of the groups of the plan.

    Hosts of providers of groups count as such domains.
    """
    domains = {canonical(one).rpartition("@")[2] for one in groups}
    hosts = {
        host.lower()
        for value in mail.all("list-unsubscribe")[:10]
        for host in _HOST.findall(value[:_MOST_READ])
    }
    return bool(hosts) and all(
        host in _HOSTED or any(is_within(host, one) for one in domains) for host in hosts
    )


def addresses_in(value: str) -> list[str]:
    """Return the addresses in a header's value, in lower case and without the part after a plus."""
    found = _ADDRESS.findall(value[:_MOST_READ].lower())
    return [f"{local}@{domain}" for local, domain in found]


def _list_id(mail: ParsedMail) -> str:
    found = _LIST_ID.search(mail.first("list-id")[:_MOST_READ])
    return found.group(1).lower() if found is not None else ""


def _names_one(mail: ParsedMail, headers: Iterable[str], names: frozenset[str]) -> bool:
    return any(
        not names.isdisjoint(addresses_in(value))
        for header in headers
        for value in mail.all(header)[:10]
    )


def _has_own_from(mail: ParsedMail, groups: frozenset[str]) -> bool:
    """Whether From is the address of a group, which a group writes there because of DMARC."""
    senders = {canonical(one.address) for one in mail.sender_addresses}
    return len(senders) == 1 and not senders.isdisjoint(groups)


def is_authentic(mail: ParsedMail) -> bool:
    """Whether DMARC passed for the address in From, or the mail has no verdicts, as on a laptop."""
    found = verdicts.verdicts(mail)
    if not (found.spf or found.dkim or found.dmarc):
        return True
    domain = canonical_domain(mail.sender_addresses[0].domain)
    return found.dmarc == "pass" and canonical_domain(found.author or domain) == domain
