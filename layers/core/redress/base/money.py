"""Amounts of money: whole numbers of the smallest unit of a currency, and how people read them.

`200.00 CNY` is the amount 20000. Whole numbers are never rounded, so sums of them are exact.
"""

from __future__ import annotations

from msgspec import Struct

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_TWO_DECIMALS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
    "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
    "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
    "TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG"
)
DECIMALS = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
}
"""Currency (ISO 4217, list one) -> how many decimals its smallest unit has: 2 for CNY, 0 for JPY.
Funds, metals and units for bonds are left out, because nobody is paid in them."""

MOST_AMOUNT = 10**12
"""The largest amount. A larger one is a mistake."""


class Money(Struct, frozen=True):
    """An amount of a currency: `amount` is a whole number of its smallest unit."""

    amount: int
    currency: str

    def __str__(self) -> str:
        """`CNY 1,200.00`: the code is understood in every language, a sign such as ¥ is not."""
        decimals = DECIMALS[self.currency]
        whole, rest = divmod(self.amount, 10**decimals)
        return f"{self.currency} {whole:,}" + (f".{rest:0{decimals}}" if decimals else "")
