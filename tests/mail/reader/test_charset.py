"""Decoding text whose charset label is correct, wrong or missing."""

from __future__ import annotations

import base64

import pytest

from redress.base.languages import WRITTEN
from redress.base.texts import without_dangers
from redress.mail.incoming.reader import charset, labels
from redress.mail.incoming.reader.charset import Hints
from redress.mail.incoming.reader.limits import Code, Defects
from redress.mail.incoming.reader.parsing import parse
from tests.mail.reader.mails import HEAD, multipart, part, text_mail

SIMPLIFIED = "您好，我上周在贵公司买的洗衣机到现在还没有送到，打了三次电话都没有人接。请尽快处理。"
TRADITIONAL = "您好，我上週在貴公司買的洗衣機到現在還沒有送到，打了三次電話都沒有人接。請儘快處理。"
JAPANESE = (
    "お世話になっております。先週注文した商品がまだ届いていません。ご確認をお願いいたします。"
)
KOREAN = "안녕하세요. 지난주에 주문한 상품이 아직 도착하지 않았습니다. 확인 부탁드립니다."
RUSSIAN = "Здравствуйте, мой заказ до сих пор не доставлен. Пожалуйста, проверьте."
GERMAN = "Grüße, die Ware für Herrn Müller ist noch nicht da. Schöne Grüße"
FRENCH = "Où est ma commande ? Le numéro de suivi a été périmé dès février."
CODECS_OF_LANGUAGES = ("gb18030", "cp950", "cp932", "cp949", "cp1252")
MARK = "\N{REPLACEMENT CHARACTER}"


def read(data: bytes, label: str, hints: Hints | None = None) -> tuple[str, set[Code]]:
    defects = Defects()
    text = charset.decode(data, label, defects, hints).text
    return text, {one.code for one in defects}


def without_byte(data: bytes, place: int) -> tuple[bytes, bytes]:
    """Return the data with an invalid byte at this place, and the data without a byte there."""
    before, after = data[:place], data[place + 1 :]
    return before + b"\xff" + after, before + after


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
        (SIMPLIFIED, "gb18030", "iso-8859-1"),
        (SIMPLIFIED, "gb18030", "windows-1252"),
        (SIMPLIFIED, "gb18030", "iso-8859-15"),
        ("退款", "gb18030", "iso-8859-1"),
        (TRADITIONAL, "big5", "iso-8859-1"),
        ("退款問題", "big5", "us-ascii"),
        (JAPANESE, "cp932", "iso-8859-1"),
        (JAPANESE, "euc_jp", "windows-1252"),
        (JAPANESE, "euc_jp", "iso-2022-jp"),
        (KOREAN, "cp949", "iso-8859-1"),
        (SIMPLIFIED, "gb18030", "big5"),
        (SIMPLIFIED, "gb18030", "shift_jis"),
        (SIMPLIFIED, "gb18030", "euc-kr"),
        (TRADITIONAL, "big5", "gb2312"),
        (TRADITIONAL, "big5", "gbk"),
        (JAPANESE, "cp932", "gb2312"),
        (KOREAN, "cp949", "gb2312"),
        (FRENCH, "cp1252", "gb2312"),
        (GERMAN, "cp1252", "big5"),
        (GERMAN, "cp1252", "utf-8"),
    ],
)
def test_text_with_wrong_or_missing_label_is_decoded(text: str, codec: str, label: str) -> None:
    assert read(text.encode(codec), label)[0] == text


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1252", "us-ascii", ""])
@pytest.mark.parametrize(
    "text",
    [
        GERMAN,
        FRENCH,
        "Müller",
        "Größe",
        "Straße 5",
        "café",
        "créée",
        "où",
        "à demain",
        "¿Dónde está el señor Muñoz?",
        "Ñandú",
        "ÄRGER MIT DER TÜR",
        "Überweisung über 5 €",
        "“Oui”, d’après l’équipe…",
        "30 °C – 20 %",
    ],
)
def test_short_text_in_latin_letters_stays_in_latin_letters(text: str, label: str) -> None:
    assert read(text.encode("cp1252"), label)[0] == text


@pytest.mark.parametrize("length", [8, 9, 12, 20])
@pytest.mark.parametrize(
    ("text", "codec"), [(SIMPLIFIED, "gb18030"), (TRADITIONAL, "big5")], ids=["gb", "big5"]
)
@pytest.mark.parametrize("label", ["gb2312", "big5", "iso-8859-1", "utf-8", "us-ascii", ""])
def test_eight_characters_tell_gb_and_big5_apart_under_every_label(
    text: str, codec: str, label: str, length: int
) -> None:
    for begin in range(len(text) - length):
        phrase = text[begin : begin + length]
        assert read(phrase.encode(codec), label)[0] == phrase


def test_label_or_else_the_languages_of_the_house_decide_the_charset_of_few_characters() -> None:
    data = "单程".encode("gb18030")
    assert data == "等最".encode("big5")
    assert read(data, "gb2312")[0] == "单程"
    assert read(data, "big5")[0] == "等最"
    assert read(data, "", Hints(["zh-CN", "en"]))[0] == "单程"
    assert read(data, "", Hints(["zh-TW", "en"]))[0] == "等最"
    kana = "よい".encode("euc_jp")
    assert read(kana, "", Hints(["zh-TW", "en"]))[0] == "方中"
    assert read(kana, "", Hints(["ja", "en"]))[0] == "よい"


def test_every_language_that_a_plan_can_name_makes_a_charset_likelier() -> None:
    for language in WRITTEN:
        assert sum(Hints([language]).worth(codec) > 0 for codec in CODECS_OF_LANGUAGES) >= 1


def test_rest_of_the_mail_decides_the_charset_of_few_characters() -> None:
    assert read("よい".encode("euc_jp"), "")[0] == "方中"
    hints = Hints()
    hints.note_text("ご注文の商品が届きません。", "utf-8")
    assert read("よい".encode("euc_jp"), "", hints)[0] == "よい"


@pytest.mark.parametrize(
    ("text", "codec", "labels"),
    [
        (SIMPLIFIED, "utf-8", ("utf-8", "gb2312", "iso-8859-1", "us-ascii", "")),
        (GERMAN, "utf-8", ("utf-8", "")),
        (SIMPLIFIED, "gb18030", ("gb2312", "utf-8", "iso-8859-1", "us-ascii", "")),
        (TRADITIONAL, "cp950", ("big5", "utf-8", "iso-8859-1", "us-ascii", "")),
        (JAPANESE, "cp932", ("shift_jis", "utf-8", "iso-8859-1", "us-ascii", "")),
        (JAPANESE, "euc_jp", ("euc-jp", "utf-8", "iso-8859-1", "us-ascii", "")),
        (KOREAN, "cp949", ("euc-kr", "utf-8", "iso-8859-1", "us-ascii", "")),
    ],
)
@pytest.mark.parametrize("instead", [b"\xff", b"", b"?"], ids=["broken", "lost", "replaced"])
def test_broken_byte_damages_no_distant_character_and_does_not_change_the_alphabet(
    text: str, codec: str, labels: tuple[str, ...], instead: bytes
) -> None:
    for place in range(4, 15):
        if text[place].isascii():
            continue
        before, character, after = (
            one.encode(codec) for one in (text[:place], text[place], text[place + 1 :])
        )
        for data in (before + instead + character[1:] + after, before + character[:1] + after):
            for label in labels:
                found = read(data, label)[0]
                assert found.startswith(text[: place - 1])
                assert found.endswith(text[place + 3 :])
                assert found.count(MARK) <= 2


def test_broken_place_is_one_mark_in_gb_text_that_is_labelled_utf8() -> None:
    data = SIMPLIFIED.encode("gb18030")
    for broken in (data[:20] + b"\xff" + data[21:], data[:20] + b"\xff" + data[20:], data[:-1]):
        found, defects = read(broken, "utf-8")
        assert found.count(MARK) == 1
        assert defects == {Code.DAMAGED_TEXT, Code.WRONG_CHARSET}


def test_broken_or_lost_byte_in_utf8_leaves_one_mark() -> None:
    data = SIMPLIFIED.encode()
    for place in range(9, 30):
        for broken in without_byte(data, place):
            found, defects = read(broken, "")
            assert found.count(MARK) == 1
            assert found.startswith(SIMPLIFIED[:3])
            assert found.endswith(SIMPLIFIED[11:])
            assert Code.DAMAGED_TEXT in defects


@pytest.mark.parametrize("label", ["utf-8", ""])
def test_line_that_a_gateway_appended_in_another_charset_is_read(label: str) -> None:
    footer = "【外部邮件】请勿随意点击链接。"
    data = f"{SIMPLIFIED}\r\nThanks\r\n".encode() + footer.encode("gb18030")
    assert read(data, label)[0] == f"{SIMPLIFIED}\nThanks\n{footer}"
    data = f"{TRADITIONAL}\r\n".encode("cp950") + footer.encode() + b"\xff"
    assert read(data, "big5")[0] == f"{TRADITIONAL}\n{footer}{MARK}"


@pytest.mark.parametrize("name", ["喆", "镕", "龑", "犇", "赟", "珺玥", "燚淼"])
def test_rare_names_are_not_taken_for_damage(name: str) -> None:
    text = f"收件人{name}，电话没有人接。"
    for label in ("gb18030", "gbk", "utf-8", ""):
        assert read(text.encode("gb18030"), label)[0] == text


def test_mending_is_limited_so_that_damaged_text_of_any_length_is_read_in_time() -> None:
    hints = Hints()
    data = b"\xff".join([SIMPLIFIED.encode("gb18030")] * 5_000)
    assert read(data, "gb2312", hints)[0].startswith(SIMPLIFIED)
    assert hints.budget.bytes <= 0


@pytest.mark.parametrize(
    "label",
    [
        "utf-7",
        "UTF7",
        "unicode-1-1-utf-7",
        "UNICODE_1_1_UTF_7",
        '"Unicode-1-1-UTF-7"',
        "x-unicode-2-0-utf-7",
        "csUnicode11UTF7",
        "cp65000",
    ],
)
def test_every_label_of_utf7_is_known(label: str) -> None:
    assert read(b"+YKhZfQ-", label) == ("您好", set())


@pytest.mark.parametrize(
    ("data", "label"),
    [
        (b"~{DzCN~}", "hz-gb-2312"),
        (b"~{DzCN~}", "HZ"),
        (b"~{DzCN~}", "gb2312"),
        (b"\x1b$)A\x0eDzCN\x0f", "iso-2022-cn"),
        (b"\x1b$)A\x0eDzCN\x0f", ""),
    ],
)
def test_chinese_in_seven_bits_is_read(data: bytes, label: str) -> None:
    assert read(data, label)[0] == "您梦"


@pytest.mark.parametrize(
    ("text", "codec", "labels"),
    [
        (JAPANESE, "iso2022_jp", ("iso-2022-jp", "us-ascii", "")),
        ("".join(one for one in KOREAN if one.isalpha()), "iso2022_kr", ("iso-2022-kr", "")),
        (SIMPLIFIED, "hz", ("hz-gb-2312",)),
    ],
)
def test_broken_or_lost_byte_in_a_charset_of_seven_bits_leaves_at_most_one_mark(
    text: str, codec: str, labels: tuple[str, ...]
) -> None:
    data = text.encode(codec)
    for place in range(15, 30):
        for broken in without_byte(data, place):
            for label in labels:
                found = read(broken, label)[0]
                assert found.count(MARK) <= 1
                assert found.startswith(text[:4])
                assert found.endswith(text[15:])


@pytest.mark.parametrize("label", ["iso-2022-kr", "ISO_2022_KR", "", "us-ascii"])
def test_korean_in_seven_bits_is_read(label: str) -> None:
    assert read(KOREAN.encode("iso2022_kr"), label)[0] == KOREAN


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("ISO_8859-1:1987", "iso-8859-1"),
        ("iso_8859_1", "iso-8859-1"),
        ("iso8859_15", "iso-8859-15"),
        ("Windows_1251", "windows-1251"),
        ("GB_2312-80", "gb2312"),
        ("GB2312_CHARSET", "gb2312"),
        ("csISO58GB231280", "gb2312"),
        ("EUC_CN", "gb2312"),
        ("Big5_HKSCS", "big5"),
        ("Big5-ETen", "big5"),
        ("csShiftJIS", "shift_jis"),
        ("Shift JIS", "shift_jis"),
        ("KSC_5601", "euc-kr"),
        ("csEUCKR", "euc-kr"),
        ("utf-8; format=flowed", "utf-8"),
        ("charset=utf-8", "utf-8"),
        ("gb2312 (Chinese)", "gb2312"),
    ],
)
def test_labels_are_known_however_they_are_spelt(label: str, other: str) -> None:
    assert labels.codecs_of(labels.normalised(label)) == labels.CODECS[labels.normalised(other)]


# ------------------------------------------------------------------------------ in a mail


@pytest.mark.parametrize("kind", ["iso-8859-1", "utf-8", "us-ascii"])
@pytest.mark.parametrize(
    ("subject", "codec"),
    [("退货问题", "gb18030"), ("转发：整体提升服务水平", "gb18030"), ("退貨問題", "big5")],
)
def test_raw_subject_is_read_although_the_body_does_not_show_its_charset(
    subject: str, codec: str, kind: str
) -> None:
    head = HEAD.replace(b"Subject: Parcel", b"Subject: " + subject.encode(codec))
    mail = parse(head + b"Content-Type: text/plain; charset=" + kind.encode() + b"\r\n\r\nhello")
    assert mail.subject == subject


def test_raw_headers_are_read_with_the_help_of_the_body() -> None:
    head = HEAD.replace(b"Subject: Parcel", b"Subject: " + "よい".encode("euc_jp"))
    for body in (JAPANESE, f"<p>{JAPANESE}</p>"):
        mail = parse(head + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body.encode())
        assert mail.subject == "よい"


def test_short_body_without_label_is_read_with_the_help_of_the_subject() -> None:
    head = HEAD.replace(b"Parcel", b"=?euc-jp?B?pOiksQ==?=")
    assert parse(head + b"\r\n" + "よい".encode("euc_jp")).text == "よい"


@pytest.mark.parametrize(("text", "codec"), [("李娜", "gb18030"), ("陳怡君", "big5")])
def test_raw_names_of_people_and_files_are_read(text: str, codec: str) -> None:
    name = text.encode(codec)
    head = HEAD.replace(b"From: Li Na", b'From: "' + name + b'"')
    file = b'Content-Disposition: attachment; filename="' + name + b'.pdf"'
    mail = parse(head + multipart(part(b"application/pdf", b"%PDF", file)))
    assert mail.sender_addresses[0].name == text
    assert mail.attachments[0].original_name == f"{text}.pdf"


@pytest.mark.parametrize("label", ["UTF-8", "iso-8859-1", "big5", "gb2312", ""])
def test_file_name_with_a_wrong_label_is_read(label: str) -> None:
    quoted = "".join(f"%{one:02X}" for one in "订单和发票的照片.jpg".encode("gb18030"))
    file = f"Content-Disposition: attachment; filename*={label}''{quoted}".encode()
    mail = parse(HEAD + multipart(part(b"image/jpeg", b"\xff\xd8", file)))
    assert mail.attachments[0].original_name == "订单和发票的照片.jpg"


@pytest.mark.parametrize("label", ["gb2312", "big5", "iso-8859-1", "utf-8"])
@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("订单已经三天没有发货", "gb18030"),
        ("訂單已經三天沒有出貨", "big5"),
        ("订单已经三天没有发货", "utf-8"),
    ],
)
def test_encoded_word_with_a_wrong_label_is_read(text: str, codec: str, label: str) -> None:
    data = base64.b64encode(text.encode(codec))
    mail = parse(HEAD.replace(b"Parcel", b"=?" + label.encode() + b"?B?" + data + b"?="))
    assert mail.subject == text


@pytest.mark.parametrize("codec", ["gb18030", "utf-8"])
def test_encoded_word_that_ends_within_a_character_keeps_the_others(codec: str) -> None:
    data = base64.b64encode("订单已经三天没有发货".encode(codec)[:-1])
    mail = parse(HEAD.replace(b"Parcel", b"=?" + codec.encode() + b"?B?" + data + b"?="))
    assert mail.subject == "订单已经三天没有发" + MARK


def test_adjacent_words_whose_labels_mean_the_same_charset_are_joined() -> None:
    data = "订单问题".encode("gb18030")
    words = [
        b"=?%b?B?%b?=" % (label, base64.b64encode(piece))
        for label, piece in ((b"gb2312", data[:3]), (b"GBK", data[3:5]), (b"x-gbk", data[5:]))
    ]
    assert parse(HEAD.replace(b"Parcel", b" ".join(words))).subject == "订单问题"


@pytest.mark.parametrize("inside", [b"iso-8859-1", b"utf-8", b"big5", b"gb2312"])
@pytest.mark.parametrize("kind", [b"text/html", b"text/html; charset=iso-8859-1"])
def test_html_is_read_although_it_names_another_charset(kind: bytes, inside: bytes) -> None:
    data = b"<meta charset=" + inside + b"><p>" + SIMPLIFIED.encode("gb18030") + b"</p>"
    assert text_mail(data, kind=kind).text == SIMPLIFIED


@pytest.mark.parametrize("kind", [b"text/calendar", b"text/calendar; charset=utf-8"])
def test_calendar_is_read_although_it_is_not_in_utf8(kind: bytes) -> None:
    event = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:维修预约和取货\r\nEND:VEVENT\r\n"
    mail = parse(HEAD + multipart(part(kind, event.encode("gb18030"))))
    assert mail.calendar is not None
    assert mail.calendar.summary == "维修预约和取货"


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
    assert not labels.codecs_of(labels.normalised(label))
    assert read(rb"a\u0041", label)[0] == r"a\u0041"


@pytest.mark.parametrize("label", ["", "us-ascii", "utf-8"])
@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Dzień dobry, moje zamówienie wciąż nie dotarło. Proszę sprawdzić.", "iso8859_2"),
        ("Καλησπέρα, η παραγγελία μου δεν έχει φτάσει ακόμα.", "cp1253"),
        ("שלום, ההזמנה שלי עדיין לא הגיעה. אנא בדקו היכן החבילה.", "cp1255"),
        ("مرحبا، طلبي لم يصل حتى الآن. يرجى التحقق من مكان الطرد.", "cp1256"),
    ],
)
def test_other_alphabets_are_detected(text: str, codec: str, label: str) -> None:
    assert read(text.encode(codec), label)[0] == text


@pytest.mark.parametrize(
    ("word", "codec", "label"),
    [
        ("Да", "koi8_r", "koi8-r"),
        ("Нет!", "cp1251", "windows-1251"),
        ("żółw", "iso8859_2", "iso-8859-2"),
        ("şey", "cp1254", "iso-8859-9"),
        ("ναι", "cp1253", "windows-1253"),
        ("ครับ", "cp874", "tis-620"),
    ],
)
def test_words_in_other_alphabets_are_read_as_labelled(word: str, codec: str, label: str) -> None:
    assert read(word.encode(codec), label) == (word, set())


def test_every_codec_in_the_table_of_labels_exists() -> None:
    for codecs in labels.CODECS.values():
        for codec in codecs:
            assert "a".encode(codec).decode(codec) == "a"


def test_clean_removes_unsafe_characters_and_unifies_line_breaks() -> None:
    found = charset.clean("a\x00b\ud800c\r\nd\re\x1b[31mf\u2028g\x85h\ufeff")
    assert found == "abc\nd\ne[31mf\ng\nh"


def test_cleaning_removes_nothing_from_printable_text() -> None:
    printable = "".join(filter(str.isprintable, map(chr, range(0x110000))))
    assert charset.clean(printable) == charset.clean(f"a\n{printable}")[2:] == printable


def test_cleaning_treats_a_character_alike_in_every_text() -> None:
    """`clean` has separate code for printable text, for ASCII and for each kind of line end."""
    for character in map(chr, (*range(0x3000), *range(0xD7FF, 0xE001), *range(0xFE00, 0x10000))):
        is_end = character in "\r\n\u2028\u2029\x85"
        expected = "\n" if is_end else without_dangers(character)
        for before in ("", "a\n", "灯", "a\r."):
            found = charset.clean(before + character)
            assert found == before.replace("\r", "\n") + expected, f"U+{ord(character):04X}"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", "\u2028", "\u2029", "\x85"])
@pytest.mark.parametrize("words", ["a{}b{}", "灯{}坏{}", "a{}\x00\u202eb{}"])
def test_every_line_end_becomes_a_newline(end: str, words: str) -> None:
    plain = words.replace("\x00", "").replace("\u202e", "")
    assert charset.clean(words.replace("{}", end)) == plain.replace("{}", "\n")
