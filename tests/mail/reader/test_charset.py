"""Decoding text whose charset label is correct, wrong or missing."""

from __future__ import annotations

import pytest

from redress.mail.incoming.reader import charset
from redress.mail.incoming.reader.limits import Code, Defects

SIMPLIFIED = "您好，我上周在贵公司买的洗衣机到现在还没有送到，打了三次电话都没有人接。请尽快处理。"
TRADITIONAL = "您好，我上週在貴公司買的洗衣機到現在還沒有送到，打了三次電話都沒有人接。請儘快處理。"
JAPANESE = (
    "お世話になっております。先週注文した商品がまだ届いていません。ご確認をお願いいたします。"
)
KOREAN = "안녕하세요. 지난주에 주문한 상품이 아직 도착하지 않았습니다. 확인 부탁드립니다."
RUSSIAN = "Здравствуйте, мой заказ до сих пор не доставлен. Пожалуйста, проверьте."
GERMAN = "Grüße, die Ware für Herrn Müller ist noch nicht da. Schöne Grüße"


def read(data: bytes, label: str) -> tuple[str, set[Code]]:
    defects = Defects()
    text = charset.decode(data, label, defects).text
    return text, {one.code for one in defects}


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        (SIMPLIFIED, "gb18030", "gb2312"),
        ("朱镕基 喆 㐀 𠀀", "gb18030", "GB2312"),
        (SIMPLIFIED, "gbk", "x-gbk"),
        (SIMPLIFIED, "gbk", "GB18030"),
        (SIMPLIFIED, "hz", "hz-gb-2312"),
        (TRADITIONAL, "big5", "big5"),
        ("嘅咗喺啲", "big5hkscs", "big5"),
        ("碁銹裏墻恒粧嫺", "cp950", "Big5"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        (JAPANESE, "cp932", "shift_jis"),
        ("①髙﨑", "cp932", "Shift_JIS"),
        (JAPANESE, "euc_jp", "euc-jp"),
        (KOREAN, "cp949", "ks_c_5601-1987"),
        (KOREAN, "euc_kr", "euc-kr"),
        (RUSSIAN, "koi8_r", "koi8-r"),
        (RUSSIAN, "cp1251", "windows-1251"),
        ("“quoted” – €", "cp1252", "iso-8859-1"),
        ("Ζητώ", "cp1253", "windows-1253"),
        (SIMPLIFIED, "utf-16", "utf-16"),
        (SIMPLIFIED, "utf-16-le", "utf-16le"),
        ("Plain words", "utf-16-be", "utf-16"),
        ("Plain words", "utf-16-le", "utf-16"),
        ("Hi Mom -☺-!", "utf-7", "utf-7"),
        (SIMPLIFIED, "utf-8", "UTF8"),
        (SIMPLIFIED, "utf-8", '\\"utf-8\\"'),
    ],
)
def test_label_selects_the_charset_that_mail_programs_mean_by_it(
    text: str, codec: str, label: str
) -> None:
    found, defects = read(text.encode(codec), label)
    assert found == text
    assert not defects


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        (SIMPLIFIED, "utf-8", "gb2312"),
        (SIMPLIFIED, "utf-8", "iso-8859-1"),
        (SIMPLIFIED, "utf-8", "us-ascii"),
        (GERMAN, "utf-8", "iso-8859-1"),
        (SIMPLIFIED, "gb18030", "utf-8"),
        (SIMPLIFIED, "gb18030", "us-ascii"),
        (TRADITIONAL, "big5", "utf-8"),
        (SIMPLIFIED, "gb18030", ""),
        (TRADITIONAL, "big5", ""),
        (JAPANESE, "iso2022_jp", ""),
        (JAPANESE, "iso2022_jp", "us-ascii"),
        (JAPANESE, "cp932", ""),
        (JAPANESE, "euc_jp", ""),
        (KOREAN, "cp949", ""),
        (RUSSIAN, "koi8_r", ""),
        (RUSSIAN, "cp1251", ""),
        (GERMAN, "cp1252", ""),
        (SIMPLIFIED, "utf-8", ""),
        (SIMPLIFIED, "gb18030", "x-no-such-charset"),
        ("您好，我要退款", "gb18030", ""),
    ],
)
def test_text_with_wrong_or_missing_label_is_decoded(text: str, codec: str, label: str) -> None:
    assert read(text.encode(codec), label)[0] == text


def test_correct_label_is_used_despite_one_invalid_character() -> None:
    data = SIMPLIFIED.encode("gb18030")
    found, defects = read(data[:20] + b"\xff" + data[20:], "gb2312")
    assert found.startswith(SIMPLIFIED[:10])
    assert found.endswith(SIMPLIFIED[-20:])
    assert defects == {Code.DAMAGED_TEXT}


@pytest.mark.parametrize(
    "label",
    [
        "unicode_escape",
        "raw_unicode_escape",
        "punycode",
        "idna",
        "rot13",
        "zip",
        "undefined",
        "\0",
        "é" * 99,
    ],
)
def test_label_never_selects_a_python_codec_that_is_not_a_charset(label: str) -> None:
    assert not charset.known(label)
    assert read(rb"a\u0041", label)[0] == r"a\u0041"


def test_every_codec_in_the_table_of_labels_exists() -> None:
    for codecs in charset._CODECS.values():
        for codec in codecs:
            assert "a".encode(codec).decode(codec) == "a"


def test_clean_removes_unsafe_characters_and_unifies_line_breaks() -> None:
    found = charset.clean("a\x00b\ud800c\r\nd\re\x1b[31mf\u2028g\x85h\ufeff")
    assert found == "abc\nd\ne[31mf\ng\nh"
