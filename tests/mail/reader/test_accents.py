"""Text in Latin letters stays in Latin letters, and one odd byte changes no other character."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product

import pytest

from redress.mail.incoming.reader import charset
from redress.mail.incoming.reader.accents import Evidence, evidence
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.limits import Defects
from redress.mail.incoming.reader.parsing import parse
from tests.mail.reader.mails import HEAD, multipart, part, text_mail

MARK = "\N{REPLACEMENT CHARACTER}"

PARTS = (
    ("recla informa devolu aten opera", "ção ções", ""),
    ("n irm m", "ão ã", "s"),
    ("est l atr portugu ingl", "ás é ês", ""),
    ("se espa compa maña", "ñor ña ñía", "s"),
    ("opci avi direcci env", "ón ío", ""),
    ("ling verg", "üística üenza", ""),
    ("cr prot", "éé égé", "e es"),
    ("d évén m fr", "éjà ément ême ère", "s"),
    ("h le f ma", "çon ôtel ût ître", ""),
    ("gr m k l", "üße öln üller ösung", "n"),
    ("gesch rückg verf", "äft ängig ügung", "en"),
    ("åter b p l", "försäljning jörn å ösa", ""),
    ("k t s", "øb åget jælland ørsel", "er"),
    ("h t p m", "ää öö yö äivää äärä", "n"),
    ("g v m b", "óðan iður óðir lóð", ""),
    ("cit perch pi", "à è ù", ""),
    ("z gal ide", "ïn ëist een", ""),
)
"""Beginnings, middles and ends of words. All combinations are tested, real words or not, because only
the places of the accents count."""
SENTENCES = (
    "¡Hola!",
    "¡Última llamada!",
    "¿Él?",
    "¿¡Cómo!?",
    "¡Ayuda! ¡Ayuda! ¡Ayuda!",
    "«Où»",
    "«Été»",
    "« Été »",
    "“Él” y “ella”",
    "„Übung“",
    "l’été d’où l’île",
    "Pelé – Müller – Åse",
    "25 °C, 100 µm, § 5, 10 m², nº 3, 1½",
    "30€, £5, ©2026, 100‰",
    "ÄÖÜ",
    "ÅÄÖ",
    "ÆØÅ",
    "ÀÉÈ",
    "ÁÉÍÓÚ",
    "Umlaute: äöüß, ÄÖÜ.",
    "ÄÖÜ ÄÖÜ, ÄÖÜ. (ÄÖÜ)",
    "TÖÖ",
    "HÄÄ YÖ",
    "GÓÐAN DAGINN",
    "ÞAÐ",
    "ÞÁ",
    "ÞAÐ VAR ÞÓ STAÐFEST",
    "José Muñoz, Zoë Åkerström, François Lefèvre",
    "NÃO RECEBI. RECLAMAÇÃO. DEVOLUÇÃO. INFORMAÇÃO.",
    "À ÉTÉ ÇA OÙ",
    "Col·lecció",
)
LABELS = ("iso-8859-1", "windows-1252", "ISO-8859-15", "us-ascii", "utf-8", "")
SAYS_LATIN = LABELS[:3]


def words() -> Iterator[str]:
    for begins, middles, ends in PARTS:
        for parts in product(begins.split(), middles.split(), ["", *ends.split()]):
            word = "".join(parts)
            yield from (word, word.upper(), word.capitalize())


def read(data: bytes, label: str, hints: Hints | None = None) -> str:
    return charset.decode(data, label, Defects(), hints).text


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", ["{}", "{} 4711", "My order: {}", "({})", "{0}, {0}. {0}!"])
def test_words_with_accents_are_read_under_every_label(label: str, form: str) -> None:
    text = [form.format(word) for word in words()]
    assert [read(one.encode("cp1252"), label) for one in text] == text


@pytest.mark.parametrize("label", SAYS_LATIN)
@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_with_accents_and_symbols_are_read_as_labelled(text: str, label: str) -> None:
    data = text.encode("cp1252")
    if label == "ISO-8859-15" and any(0x80 <= one < 0xA0 for one in data):
        return  # ISO-8859-15 has other characters for these bytes
    assert read(data, label) == text.replace("½", "œ" if label == "ISO-8859-15" else "½")


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("windows-1251", "cp1251", "Да Нет ЗАКАЗ ПОЖАЛУЙСТА ОТКАЗ Ёлка"),
        ("koi8-r", "koi8_r", "Да Нет ЗАКАЗ ПОЖАЛУЙСТА деньги"),
        ("iso-8859-2", "iso8859_2", "żółw ŻÓŁW ŁÓDŹ PŘÍLIŠ ŐRÜLT"),
        ("windows-1250", "cp1250", "żółw ŻÓŁW ŁÓDŹ ŽLUŤOUČKÝ KŮŇ"),
        ("iso-8859-9", "cp1254", "şey ŞEY İADE DEĞİL ÇÜNKÜ SİPARİŞ"),
        ("windows-1253", "cp1253", "ναι ΝΑΙ Όχι ΠΑΡΑΓΓΕΛΙΑ ΑΡΧΕΙΟ ΑΛΗΘΕΣ"),
        ("windows-1251", "cp1251", "ПУБЛИКАЦИЯ НЕ СУЩЕСТВУЕТ. КАТАЛОГ-ДАННЫХ: ПУСТОЙ БЛОК"),
    ],
)
def test_words_of_other_alphabets_are_read_as_labelled(label: str, codec: str, text: str) -> None:
    for one in (text, *text.split()):
        assert read(one.encode(codec), label) == one


@pytest.mark.parametrize(
    "label", ["", "us-ascii", "utf-8", "iso-8859-1", "gb2312", "big5", "euc-kr"]
)
def test_odd_byte_among_ascii_letters_is_a_mark_or_a_latin_character(label: str) -> None:
    text = "the parcel never arrived"
    for byte in range(0x80, 0x100):
        for place in (0, 1, 4, 7, 10, 11, len(text) - 1, len(text)):
            for after in (text[place:], text[place + 1 :]):
                data = text[:place].encode() + bytes([byte]) + after.encode()
                found = read(data, label)
                assert [one for one in found if one.isascii()] == [*text[:place], *after]
                assert all(one == MARK or ord(one) < 0x2200 for one in found)


@pytest.mark.parametrize("label", ["", "us-ascii", "gb2312", "big5", "shift_jis", "euc-kr"])
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"25\xb0C", "25°C"),
        (b"100 \xb5m", "100 µm"),
        (b"\xc7a va pas du tout", "Ça va pas du tout"),
        (b"don\x92t call", "don’t call"),
        (b"Stra\xdfe 5", "Straße 5"),
        (b"\xa1Hola", "¡Hola"),
        (b"\xbfQue tal", "¿Que tal"),
        (b"ni\xf1o", "niño"),
        (b"nob\xb1dy answers", f"nob{MARK}dy answers"),
    ],
)
def test_odd_byte_is_the_latin_character_that_fits(data: bytes, text: str, label: str) -> None:
    assert read(data, label) == text


def test_odd_byte_in_a_word_of_a_chinese_text_is_a_mark() -> None:
    data = "您好，".encode("gb18030") + b"nob\xb1dy answers" + "，请处理".encode("gb18030")
    assert read(data, "gb2312") == f"您好，nob{MARK}dy answers，请处理"


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        ("2026年11月29日", "cp932", "shift_jis"),
        ("3階 2個 100円", "cp932", "shift_jis"),
        ("OK、thanks", "cp932", "shift_jis"),
        ("TEL：03-1234", "cp932", "shift_jis"),
        ("OK，thanks", "cp950", "big5"),
        ("（ABC）", "cp950", "big5"),
        ("NT＄100", "cp950", "big5"),
        ("我的T恤", "cp950", "big5"),
        ("(無)", "cp950", "big5"),
        ("「", "cp950", "big5"),
        ("(OK)。", "cp950", "big5"),
        ("余白", "cp932", "shift_jis"),
        ("型double", "cp932", "shift_jis"),
        ("旧DIR=新DIR", "cp932", "shift_jis"),
        ("T恤 U盘 A座", "gb18030", "gb2312"),
        ("APP闪退", "gb18030", "iso-8859-1"),
        ("iPhone坏了", "gb18030", ""),
    ],
)
def test_east_asian_characters_among_ascii_are_kept(text: str, codec: str, label: str) -> None:
    assert read(text.encode(codec), label) == text


# ------------------------------------------------------------------------------ half-width katakana

KATAKANA = (
    "ﾔﾏﾀﾞ ﾀﾛｳ",
    "ｽｽﾞｷ ｲﾁﾛｳ",
    "ｻﾄｳ",
    "ｸﾚｰﾑ",
    "ｶﾀｶﾅ",
    "ﾍﾝｷﾝ",
    "ﾒｰﾙ",
    "ﾊﾟｿｺﾝ修理",
    "ｴｱｺﾝ",
    "ｶ)ﾔﾏﾀﾞｼｮｳｼﾞ",
    "｢ｷｬﾝｾﾙ｣ﾎﾞﾀﾝ",
    "ﾛｸﾞｲﾝできない",
    "ﾕｰｻﾞｰID",
    "ﾁｭｳﾓﾝﾊﾞﾝｺﾞｳ 12345",
    "ｺﾝﾆﾁﾊ。ﾃﾚﾋﾞｶﾞｺﾜﾚﾏｼﾀ。ｼｭｳﾘｦｵﾈｶﾞｲｼﾏｽ。",
)


@pytest.mark.parametrize("label", ["Shift_JIS", "windows-31j", "cp932"])
@pytest.mark.parametrize("text", KATAKANA)
def test_half_width_katakana_are_read_as_labelled(text: str, label: str) -> None:
    assert read(text.encode("cp932"), label) == text


@pytest.mark.parametrize("text", KATAKANA)
def test_half_width_katakana_in_euc_are_read(text: str) -> None:
    assert read(text.encode("euc_jp"), "euc-jp") == text


def test_half_width_katakana_without_a_label_are_read_with_the_help_of_the_mail() -> None:
    hints = Hints()
    hints.note_text("ご注文の商品が届きません。", "utf-8")
    for text in ("ﾔﾏﾀﾞ ﾀﾛｳ", "ｻﾄｳ", "ﾒｰﾙ", "ﾊﾟｿｺﾝ修理", "ﾕｰｻﾞｰID"):
        assert read(text.encode("cp932"), "", hints) == text
    assert read("ﾔﾏﾀﾞ ﾀﾛｳ".encode("cp932"), "") == "ﾔﾏﾀﾞ ﾀﾛｳ"


@pytest.mark.parametrize("text", ["请尽快退款，谢谢", "订单已经三天没有发货", "空调坏了没人来修理"])
def test_chinese_that_is_labelled_shift_jis_is_not_taken_for_katakana(text: str) -> None:
    assert read(text.encode("gb18030"), "shift_jis") == text


# ------------------------------------------------------------------------------ in a mail


def quoted(text: str, label: str, mark: bytes) -> bytes:
    data = text.encode("cp932" if label == "Shift_JIS" else "cp1252")
    return b"".join(mark + b"%02X" % one for one in data)


def subject(text: str, label: str) -> bytes:
    return b"=?" + label.encode() + b"?Q?" + quoted(text, label, b"=") + b"?="


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("RECLAMAÇÃO", "iso-8859-1"),
        ("ATENÇÃO: DEVOLUÇÃO", "windows-1252"),
        ("¡Gracias!", "iso-8859-1"),
        ("ÅÄÖ", "iso-8859-15"),
        ("ｸﾚｰﾑ", "Shift_JIS"),
    ],
)
def test_subject_name_and_file_name_are_read_as_labelled(text: str, label: str) -> None:
    word = subject(text, label)
    head = HEAD.replace(b"Parcel", word).replace(b"From: Li Na", b"From: " + word)
    name = quoted(text, label, b"%")
    file = b"Content-Disposition: attachment; filename*=" + label.encode() + b"''" + name + b".pdf"
    mail = parse(head + multipart(part(b"application/pdf", b"%PDF", file)))
    assert mail.subject == text
    assert mail.sender_addresses[0].name == text
    assert mail.attachments[0].original_name == f"{text}.pdf"


def test_body_in_capitals_is_read_as_labelled() -> None:
    text = "NÃO RECEBI. RECLAMAÇÃO. DEVOLUÇÃO. INFORMAÇÃO."
    kind = b"text/plain; charset=windows-1252"
    assert text_mail(text.encode("cp1252"), kind=kind).text == text


# ------------------------------------------------------------------------------ the evidence


def test_accents_in_words_are_evidence_for_latin_letters() -> None:
    for text in words():
        if not text.isascii():
            assert evidence(text)[0] is Evidence.FOR


@pytest.mark.parametrize("codec", ["gb18030", "cp950", "cp932", "euc_jp", "cp949"])
def test_bytes_of_east_asian_text_are_evidence_against_latin_letters(codec: str) -> None:
    texts = {
        "gb18030": "您好我上周在贵公司买的洗衣机到现在还没有送到打了三次电话都没有人接请尽快处理",
        "cp950": "您好我上週在貴公司買的洗衣機到現在還沒有送到打了三次電話都沒有人接請儘快處理",
        "cp932": "お世話になっております先週注文した商品がまだ届いていませんご確認をお願いします",
        "euc_jp": "お世話になっております先週注文した商品がまだ届いていませんご確認をお願いします",
        "cp949": "안녕하세요지난주에주문한상품이아직도착하지않았습니다확인부탁드립니다",
    }
    text = texts[codec]
    for length, begin in chain.from_iterable(
        ((length, begin) for begin in range(len(text) - length)) for length in (3, 4, 8)
    ):
        data = text[begin : begin + length].encode(codec)
        assert evidence(data.decode("cp1252", "replace"))[0] is Evidence.AGAINST
