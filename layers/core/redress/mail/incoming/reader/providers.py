"""Domains of large providers, at which everybody can get an address.

Two addresses at such a domain may belong to two strangers, so one of them is no evidence about the
owner of the other.
"""

from __future__ import annotations

import re

from redress.base.addresses import canonical_domain

_SHARED = frozenset(
    {
        "gmail.com",
        "googlemail.com",
        "qq.com",
        "foxmail.com",
        "163.com",
        "126.com",
        "188.com",
        "yeah.net",
        "139.com",
        "189.cn",
        "wo.cn",
        "sina.com",
        "sina.cn",
        "sohu.com",
        "tom.com",
        "21cn.com",
        "aliyun.com",
        "msn.com",
        "ymail.com",
        "rocketmail.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "web.de",
        "freenet.de",
        "t-online.de",
        "aol.com",
        "mail.com",
        "proton.me",
        "protonmail.com",
        "pm.me",
        "mail.ru",
        "naver.com",
        "hanmail.net",
        "daum.net",
        "hinet.net",
        "pchome.com.tw",
        "orange.fr",
        "free.fr",
        "laposte.net",
        "libero.it",
        "comcast.net",
        "fastmail.com",
        "zoho.com",
    }
)
_IN_MANY_COUNTRIES = re.compile(
    r"(?:\A|\.)(?:yahoo|gmx|yandex|outlook|hotmail|live)\.(?:[a-z]{2,3}|com?\.[a-z]{2})\Z"
)
"""Matches domains of providers with one for each country, such as yahoo.co.jp and gmx.de."""


def is_shared(domain: str) -> bool:
    """Whether a domain belongs to a large provider. Its subdomains, such as vip.163.com, count."""
    name = canonical_domain(domain)
    labels = name.split(".")[-4:]
    ends = (".".join(labels[at:]) for at in range(len(labels)))
    return any(one in _SHARED for one in ends) or _IN_MANY_COUNTRIES.search(name) is not None
