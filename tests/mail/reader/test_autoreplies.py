"""The words of auto-responders in subjects and texts, and people who write the same words.

The subject of a mail is compared with the subject of a ticket, as in `decide`.
"""

from __future__ import annotations

import pytest

from redress.mail.incoming.reader.absences import LONGEST, is_absence
from redress.mail.incoming.reader.autoreplies import auto_subject, wording_of
from redress.mail.incoming.reader.machines import kind_of, no_answer
from redress.mail.incoming.reader.parsing import parse
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.autoreplies import is_auto_reply_to
from tests import effort
from tests.mail.reader.mails import HEAD

NUMBER = "R-7K3M9-QW0X2"
DEMAND = "我要退款200元，灯坏了"
NEUTRAL = "Thank you. Our office will read it."

BY_PROGRAMS = [
    "自动回复 - Re: {ours}",
    "Li的自动回复：Re: {ours}",
    "李娜的假期自动回复: {ours}",
    "休假中自动回复：Re",
    "已阅读：{ours}",
    "已閱讀: {ours}",
    "Nicht gelesen: {ours}",
    "〔自动回复〕Re: {ours}",
    "《自动回复》{ours}",
    "假期回复：Re: {ours}",
    "Absence : Re: {ours}",
    "邮件自动回复-Re: {ours}",
    "邮件自动回复: {ours}",
    "Re: {ours}（自动回复）",
    "{ours} [Out of office]",
    "Auto-Reply from li@x: Re: {ours}",
    "Automatic reply from Li Na: {ours}",
    "AUTO: Li Na is out of the office (returning 12/03/2026)",
    "AUTO: Li Na ist abwesend (Rückkehr am 12.03.2026)",
    "Autoantwort: {ours}",
    "Message d'absence : {ours}",
    "Notification d’absence: Re: {ours}",
    "OOO: {ours}",
    "Vacation: Re",
    "Vacation: Re: {ours}",
    "邮件已读：{ours}",
    "Non lu : {ours}",
    "Lu: {ours}",
    "Read: Re: {ours}",
    "Lesebestätigung: {ours}",
    "Abwesenheit: AW: {ours}",
    "Urlaub: {ours}",
    "Automatic reply: [R-7K3M9-QW0X2] We have received your request",
    "Automatic reply: [R-7K3M9-QW0X2] We have received your complaint",
    "自动回复：",
    "Automatic reply: away",
    "自动回复：休假中",
    "Automatische Antwort: Abwesenheitsnotiz",
]
BY_PEOPLE = [
    "Absence du bureau : colis non livré",
    "自动回复：我只收到这个",
    "Auto reply: useless",
    "Out of office: I was charged twice while away",
    "已读：但是没人回复我",
    "Read: my complaint finally!",
    "Lu: votre réponse est insultante",
    "Abwesenheit: Paket beim Nachbarn",
    "休假通知：酒店取消",
    "[自动回复]骗人",
    "Lido: pool closed",
    "Auto: Re: Motor kaputt",
    "Vacation: hotel was full",
    "OOO: and nobody answers",
    "你们的自动回复：没有用",
    "Automatische Antwort: ist das alles?",
    "Non lu : mes trois messages",
    "Urlaub: Koffer verloren",
    "Out of office - and still charged",
    "灯没有修（自动回复）",
    "My agent is out of the office",
]


def verdict(subject: str, text: str, ours: str) -> bool:
    return is_auto_reply_to(wording_of(subject, text, ("Li Na",)), ours)


@pytest.mark.parametrize("ours", ["灯", "Lampe", "Parcel not delivered", "退款：订单 4711"])
@pytest.mark.parametrize("subject", BY_PROGRAMS)
def test_a_subject_that_repeats_ours_after_the_words_is_an_auto_reply(
    subject: str, ours: str
) -> None:
    for text in (NEUTRAL, ""):
        assert verdict(subject.format(ours=ours), text, ours)


@pytest.mark.parametrize("subject", BY_PEOPLE)
@pytest.mark.parametrize("ours", ["灯", "My lamp", "Motor"])
def test_a_subject_that_goes_on_with_other_words_is_a_persons(subject: str, ours: str) -> None:
    assert not verdict(subject, DEMAND, ours)
    assert not verdict(f"Re: {subject}", DEMAND, ours)


@pytest.mark.parametrize("subject", [*BY_PROGRAMS, "Re: 自动回复：灯", "Re: 灯"])
@pytest.mark.parametrize(
    "text", ["我不在，会尽快回复。", "I am away until Monday. I will answer when I am back."]
)
def test_a_text_that_only_states_an_absence_is_an_auto_reply_under_any_subject(
    subject: str, text: str
) -> None:
    assert verdict(subject.format(ours="灯"), text, "Order 4711")


@pytest.mark.parametrize(
    ("subject", "ours"),
    [
        ("Re: 自动回复：我只收到这个", "自动回复：我只收到这个"),
        ("自动回复：没用", "自动回复：没用"),
        ("Re: [R-7K3M9-QW0X2] Out of office: charged twice", "Out of office: charged twice"),
        ("Re: Automatic reply: lamp", "lamp"),
    ],
)
def test_the_words_prove_nothing_if_our_subject_has_them_or_a_person_answers_them(
    subject: str, ours: str
) -> None:
    assert not verdict(subject, DEMAND, ours)


def test_an_auto_reply_to_a_subject_with_such_words_is_recognised() -> None:
    assert verdict("自动回复：自动回复：没用", NEUTRAL, "自动回复：没用")
    assert verdict("Automatic reply: Re: Out of office: x", NEUTRAL, "Out of office: x")


def test_an_auto_reply_may_cut_our_subject_but_must_repeat_more_than_one_word() -> None:
    ours = "My lamp arrived broken and nobody answers the phone"
    assert verdict("Automatic reply: My lamp arrived broken and nob…", NEUTRAL, ours)
    assert not verdict("Automatic reply: My", NEUTRAL, ours)


def test_a_subject_with_nothing_but_the_words_is_a_persons_if_the_text_asks_for_something() -> None:
    assert verdict("Out of office", NEUTRAL, "灯")
    for text in (DEMAND, "Where is my refund?", "Die Lampe ist kaputt"):
        assert not verdict("Out of office", text, "灯")


@pytest.mark.parametrize(
    "subject", ["Vacation: hotel was full", "Lido: pool closed", "Auto: Bremse defekt", "Lu: x"]
)
def test_words_that_people_often_write_before_a_colon_do_not_prevent_an_answer(
    subject: str,
) -> None:
    found = auto_subject(subject)
    assert found is not None
    assert not found.clear
    assert kind_of(parse(HEAD.replace(b"Parcel", subject.encode()) + b"\r\nHelp")) is None


# ------------------------------------------------------------------------------ texts

AWAY = [
    "I'm on vacation until 12 March and will answer when I am back.",
    "I will be out of the office until Monday, March 9, 2026. I will respond to your email when I "
    "return.",
    "This is an automatic reply. I am on holiday.",
    "I'm on vacation this week. I'll get back to you next week.",
    "Bonjour,\nJe suis en congés du 3 au 12 mars. Je vous répondrai dès mon retour.\nEn cas "
    "d'urgence, vous pouvez contacter mon collègue.\nCordialement",
    "Guten Tag,\nich bin derzeit nicht im Büro. Ich bin ab dem 12.03.2026 wieder erreichbar. Ihre "
    "E-Mail wird nicht weitergeleitet.\nViele Grüße",
    "我现在不在，晚点回复你",
    "您好，本人正在休年假，3月2日至3月6日期间无法及时回复邮件，请谅解。",
    "这是来自163邮箱的自动回复。邮件已收到，谢谢！",
    "自動回覆：我目前不在辦公室，回來後會盡快回覆您。",
    "您好，我已收到您的邮件，我正在休假，回来后回复。",
    "我不在，会尽快回复。",
    "您好！我正在休假，3月10日返回，届时回复您。",
    "谢谢您的来信！我目前出差在外，3月2日回来，届时回复。",
    "您好，我目前正在出差，無法及時回覆您的郵件，敬請諒解。",
    "这是来自QQ邮箱的假期自动回复邮件。\n您好，我最近正在休假中，无法亲自回复您的邮件。我将在假期结束后，尽快给您回复。",
]
ALSO_BY_PEOPLE = [
    "I am currently out of the office and will be back on Monday.",
    "I am away until Monday.",
    "Thanks for your message. I am on annual leave this week.",
    "Thank you for your email. I am currently on maternity leave and will return in June.",
    "I will be out of the office starting 03/02/2026 and will not return until 03/09/2026.",
    "I am out of the office until 10/03. For urgent matters, contact support@shop.example.",
    "Je suis absent jusqu'au 12 mars...",
    "Vom 3.3. bis 12.3. bin ich im Urlaub.",
    "我在度假，3月5日至3月12日不在办公室，如有急事请致电13912345678。",
    "我正在休假，有急事请联系我的同事。祝好",
    "Hello,\n\nThank you for your email. I am out of the office from 3 March until 10 March with "
    "limited access to email. I will reply as soon as possible upon my return. For urgent matters "
    "please contact my colleague Anna at anna@shop.example or +49 30 123456.\n\nBest regards,\nLi Na",
    "Ich bin bis zum 12. März im Urlaub. In dringenden Fällen wenden Sie sich bitte an meine "
    "Kollegin.\nMit freundlichen Grüßen\nLi Na",
    "Not in the office tomorrow.",
    "I am on vacation, offline until Friday",
    "Abroad this week",
    "I am out. Do not reply.",
    "Bin heute unterwegs.",
    "Ich bin bis Freitag auf Dienstreise. Vielen Dank",
    "Je suis absente demain. Merci",
    "我今天请假",
    "本人出差中，谢谢",
    "休息",
    "我这几天在外地，请致电13700137000",
    "我下周休假，有急事请拨打手机13700137000，稍后回复您。",
    "自动回复",
    "请勿直接回复",
]
"""Absences that people also write, for example about an appointment or a delivery."""
WITH_MORE = [
    "您好，我现在正在外出，暂时无法拍照，回来后尽快处理好发给你。",
    "你好，我正在出差，无法处理，请下周联系我。订单4711还没到。",
    "您好，我正在休假，你们不便处理的话我自己联系厂家，灯坏了！",
    "This is an automated response complaint: I got three of them",
    "I am out of the office on Monday, so deliver the lamp on Tuesday.",
    "I am away until Monday. Please call me then about 4711.",
    "I am away until Monday. Refund my money.",
    "I am out of the office. Order 4711.",
    "I am away. I have received no reply.",
    "I am on holiday, please call me",
    "I am on vacation and my lamp is broken.",
    "I'm out. Money back now!",
    "I am away until Monday?",
    "Je suis absent jusqu'au 12 mars, ne livrez pas la lampe avant.",
    "Je suis en vacances et ma lampe est cassée.",
    "Ich bin bis Montag im Urlaub, bitte erst danach liefern.",
    "Ich bin im Urlaub. Das Geld fehlt noch.",
    "我下周出差，请周一之前寄到。",
    "我正在出差，请尽快回复。",
    "我正在出差，尽快处理",
    "我不在家，13912345678",
    "我在外地，包裹放门口",
    "我不在，请退款",
    "我休假回来了，还是没有人回复我",
    "我正在休假，但是灯还是坏的",
    "可以。",
    "4711",
    "",
    "Thank you for your email. I will be back.",
]


@pytest.mark.parametrize("text", AWAY)
def test_a_text_with_only_usual_clauses_about_an_absence_is_an_auto_reply(text: str) -> None:
    assert is_absence(text, ("Li Na",))
    mail = parse(HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode())
    assert no_answer(mail) is NoAnswer.WORDS


@pytest.mark.parametrize("text", ALSO_BY_PEOPLE)
def test_an_absence_that_says_nothing_about_the_mail_is_a_customers_message(text: str) -> None:
    assert not is_absence(text, ("Li Na",))
    assert not verdict("Re: 灯", text, "灯")


@pytest.mark.parametrize("text", ["我明天不在家", "我不在家，晚点回复你", "都是自动回复"])
def test_words_that_no_auto_responder_writes_are_a_customers_message(text: str) -> None:
    assert not is_absence(text)


@pytest.mark.parametrize("text", ALSO_BY_PEOPLE)
def test_an_absence_under_the_subject_of_an_auto_reply_is_an_auto_reply(text: str) -> None:
    assert verdict("自动回复：您的来信", text, "灯")
    assert not verdict("Re: 自动回复：您的来信", text, "灯")


@pytest.mark.parametrize("subject", ["Re: 灯", "Holiday", "自动回复"])
@pytest.mark.parametrize("text", [*AWAY, *ALSO_BY_PEOPLE, "", "看照片"])
def test_a_mail_with_files_is_an_auto_reply_only_if_it_repeats_our_subject(
    subject: str, text: str
) -> None:
    assert not is_auto_reply_to(wording_of(subject, text, files=True), "灯")
    assert is_auto_reply_to(wording_of("自动回复：Re: 灯", text, files=True), "灯")


ORDINARY = [
    "出差",
    "休假",
    "休假中",
    "Vacation",
    "On vacation",
    "Urlaub",
    "Away",
    "已读",
    "Gelesen",
    "OOO",
]


@pytest.mark.parametrize("ours", ["灯", "", "Holiday"])
@pytest.mark.parametrize("subject", ORDINARY)
@pytest.mark.parametrize(
    "text", ["灯还是不亮，没有人来过。", "It never came.", "我出差，请致电13700137000"]
)
def test_an_ordinary_word_as_the_complete_subject_does_not_hide_the_text(
    subject: str, text: str, ours: str
) -> None:
    assert not verdict(subject, text, ours)


@pytest.mark.parametrize("subject", ORDINARY)
@pytest.mark.parametrize("text", ["", "I am away until Monday.", "正在休假"])
def test_an_ordinary_subject_with_an_absence_or_no_text_is_an_auto_reply(
    subject: str, text: str
) -> None:
    assert verdict(subject, text, "灯")


@pytest.mark.parametrize("text", [*AWAY, "Je suis absent demain.\n-----\nMon colis manque"])
def test_the_header_precedence_does_not_make_a_text_a_proof(text: str) -> None:
    head = HEAD + b"Precedence: bulk\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    found = kind_of(parse(head + text.encode()))
    assert found is not None
    assert not found.proven


@pytest.mark.parametrize("text", WITH_MORE)
def test_a_text_that_says_anything_else_is_a_customers_message(text: str) -> None:
    assert not is_absence(text, ("Li Na",))


@pytest.mark.parametrize("text", AWAY)
@pytest.mark.parametrize(
    "more",
    ["灯坏了", "4711", "The lamp is broken", "Paket fehlt", "Remboursez-moi", "200 EUR", "Why?"],
)
def test_one_more_sentence_makes_a_text_a_customers_message(text: str, more: str) -> None:
    assert not is_absence(f"{text}\n{more}", ("Li Na",))
    assert not is_absence(f"{more}.\n{text}", ("Li Na",))


@pytest.mark.parametrize(
    "quote",
    [
        "------ 原始邮件 ------\n发件人: x?",
        "> My lamp?",
        "On Mon, 2 Mar 2026 Shop wrote:\nIs it solved?",
        "在 2026年3月2日，小店写道：\n解决了吗？",
        "From: Shop <s@shop.example>\nSubject: Is it solved?",
    ],
)
def test_the_quoted_mail_below_an_auto_reply_is_not_part_of_its_text(quote: str) -> None:
    text = f"您好，我正在出差，回来后尽快回复您。\n\n{quote}"
    mail = parse(HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode())
    assert no_answer(mail) is NoAnswer.WORDS


@pytest.mark.parametrize(
    "piece",
    [
        "我正在",
        "正在休假",
        "i am away ",
        "~ ",
        "3月",
        "回复",
        "1 ",
        "(",
        "自动回复",
        "Re: ",
        "的",
        "mar 1 ",
    ],
)
def test_texts_that_repeat_a_piece_are_decided_within_a_second(piece: str) -> None:
    def decide() -> None:
        for size in (60, LONGEST, 100_000):
            text = (piece * size)[:size]
            is_absence(text)
            is_absence(f"我不在。{text}x")
            auto_subject(text)
            wording_of(f"自动回复：{text}", text)

    effort.within(1, decide)
