"""Copies of one mail that lists and gateways changed, and mails that only look like copies."""

from __future__ import annotations

import textwrap

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.mail.incoming.rules.copies import Copy, copy_of, is_copy
from tests import effort

TEXT = "My parcel has not come.\nPlease look for it."
LIST = f"{'_' * 47}\nShop mailing list -- shop@lists.example\nhttps://lists.example/listinfo/shop"
BANNER = "CAUTION: This email originated from outside of the organization."


def copy(text: str = TEXT, subject: str = "My parcel", *files: tuple[str, bytes]) -> Copy:
    return copy_of("x", subject, text, files)


def both_ways(one: Copy, other: Copy) -> bool:
    assert is_copy(one, other) == is_copy(other, one)
    return is_copy(one, other)


ADDITIONS = {
    "a legal notice in two languages": (
        "******本邮件及其附件含有某某公司的保密信息，仅限于发送给上面地址中列出的个人或"
        "群组。禁止任何其他人以任何形式使用（包括但不限于全部或部分地泄露、复制、或散发）本邮"
        "件中的信息。如果您错收了本邮件，请您立即电话或邮件通知发件人并删除本邮件！ This"
        " e-mail and its attachments contain confid"
        "ential information from ACME, which is int"
        "ended only for the person or entity whose "
        "address is listed above. Any use of the in"
        "formation contained herein in any way (inc"
        "luding, but not limited to, total or parti"
        "al disclosure, reproduction, or disseminat"
        "ion) by persons other than the intended re"
        "cipient(s) is prohibited. If you receive t"
        "his e-mail in error, please notify the sen"
        "der by phone or email immediately and dele"
        "te it!******"
    ),
    "a legal notice": (
        "This e-mail and any attachments are confidential and may be privileged. If you are "
        "not the intended recipient, please notify the sender immediately and delete this "
        "message. Any unauthorized use, disclosure or copying is strictly prohibited."
    ),
    "a legal notice with a title": (
        "CONFIDENTIALITY NOTICE: The contents of this email message and any attachments are "
        "intended solely for the addressee(s) and may contain confidential and/or privileged "
        "information and may be legally protected from disclosure. If you are not the "
        "intended recipient of this message or their agent, or if this message has been "
        "addressed to you in error, please immediately alert the sender by reply email and "
        "then delete this message and any attachments. If you are not the intended recipient,"
        " you are hereby notified that any use, dissemination, copying, or storage of this "
        "message or its attachments is strictly prohibited."
    ),
    "a legal notice of an American company": (
        "This email and any files transmitted with it are confidential and intended solely "
        "for the use of the individual or entity to whom they are addressed. If you have "
        "received this email in error please notify the system manager. This message contains"
        " confidential information and is intended only for the individual named. If you are "
        "not the named addressee you should not disseminate, distribute or copy this e-mail."
    ),
    "a German legal notice": (
        "Diese E-Mail enthält vertrauliche und/oder rechtlich geschützte Informationen. Wenn "
        "Sie nicht der richtige Adressat sind oder diese E-Mail irrtümlich erhalten haben, "
        "informieren Sie bitte sofort den Absender und vernichten Sie diese E-Mail. Das "
        "unerlaubte Kopieren sowie die unbefugte Weitergabe dieser E-Mail ist nicht "
        "gestattet."
    ),
    "another German legal notice": (
        "Der Inhalt dieser E-Mail ist vertraulich und ausschließlich für den bezeichneten "
        "Adressaten bestimmt. Wenn Sie nicht der vorgesehene Adressat dieser E-Mail oder "
        "dessen Vertreter sein sollten, so beachten Sie bitte, dass jede Form der "
        "Kenntnisnahme, Veröffentlichung, Vervielfältigung oder Weitergabe des Inhalts dieser"
        " E-Mail unzulässig ist. Wir bitten Sie, sich in diesem Fall mit dem Absender der "
        "E-Mail in Verbindung zu setzen."
    ),
    "a French legal notice": (
        "Ce message et toutes les pièces jointes sont établis à l'intention exclusive de ses "
        "destinataires et sont confidentiels. Si vous recevez ce message par erreur, merci de"
        " le détruire et d'en avertir immédiatement l'expéditeur. Toute utilisation de ce "
        "message non conforme à sa destination, toute diffusion ou toute publication, totale "
        "ou partielle, est interdite, sauf autorisation expresse."
    ),
    "another French legal notice": (
        "Ce courriel et les documents qui lui sont joints peuvent contenir des informations "
        "confidentielles ou ayant un caractère privé. S'ils ne vous sont pas destinés, nous "
        "vous signalons qu'il est strictement interdit de les divulguer, de les reproduire ou"
        " d'en utiliser de quelque manière que ce soit le contenu. Si ce message vous a été "
        "transmis par erreur, merci d'en informer l'expéditeur et de supprimer immédiatement "
        "de votre système informatique ce courriel ainsi que tous les documents qui y sont "
        "attachés."
    ),
    "a Chinese legal notice": (
        "本邮件及附件仅供指定收件人使用，可能含有保密信息。如您并非指定收件人，请勿使用、"
        "复制或传播本邮件，并请立即通知发件人并删除本邮件。"
    ),
    "a traditional Chinese legal notice": (
        "本電子郵件及其附件可能含有機密資訊，僅供指定收件人使用。若您並非收件人，請立即通"
        "知寄件人並刪除本郵件。"
    ),
    "a note of a gateway": "This mail comes from outside.",
    "a banner": (
        "This email originated from outside of the organization. Do not click links or open "
        "attachments unless you recognize the sender and know the content is safe."
    ),
    "a banner with the name of a company": (
        "CAUTION: This email originated from outside of Example Corp. Do not click links or "
        "open attachments unless you recognize the sender."
    ),
    "a banner with a tag": (
        "[EXTERNAL EMAIL] DO NOT CLICK links or attachments unless you recognize the sender "
        "and know the content is safe."
    ),
    "a banner about care": (
        "External email: Please use caution when opening links and attachments."
    ),
    "a banner with signs": (
        "⚠ EXTERNAL EMAIL ⚠\n"
        "This message was sent from outside your organization. Please exercise caution when "
        "opening attachments."
    ),
    "a banner of three sentences": (
        "WARNING: This email was sent by an external sender. Be careful with links and "
        "attachments. If you are unsure, contact the helpdesk."
    ),
    "a German banner": (
        "Achtung: Diese E-Mail stammt von einem externen Absender. Klicken Sie nicht auf "
        "Links und öffnen Sie keine Anhänge, wenn Sie den Absender nicht kennen."
    ),
    "another German banner": (
        "VORSICHT: Diese E-Mail kommt von außerhalb der Organisation. Bitte öffnen Sie keine "
        "Anhänge von unbekannten Absendern."
    ),
    "a German banner with a label": (
        "EXTERNE E-MAIL: Bitte klicken Sie nur auf Links, wenn Sie den Absender kennen."
    ),
    "a French banner": (
        "ATTENTION : Ce courriel provient de l'extérieur de l'organisation. Ne cliquez pas "
        "sur les liens et n'ouvrez pas les pièces jointes à moins de reconnaître "
        "l'expéditeur."
    ),
    "another French banner": (
        "Ce message provient d'un expéditeur externe. Soyez vigilant avant d'ouvrir les "
        "pièces jointes."
    ),
    "a French banner with a label": (
        "⚠ Courriel externe : Ce message provient d’un expéditeur externe à l’entreprise."
    ),
    "a Chinese banner with a sign": "⚠ 此邮件由组织外部人员发送",
    "a Chinese banner about care": "⚠️此邮件来自外部，请谨慎点击链接和附件。",
    "a Chinese tag": "【外部邮件】",
    "a Chinese banner with a title": (
        "【外部邮件提醒】该邮件由公司外部人员发出，请注意核实发件人身份，谨慎点击链接、下载附件。"
    ),
    "a traditional Chinese banner": (
        "此郵件來自組織外部，請勿點擊連結或開啟附件，除非您認識寄件人並確認內容安全。"
    ),
    "a Chinese banner about the sender": "这封邮件的发件人来自公司外部，请注意信息安全。",
    "a footer of Yahoo Groups": (
        "------------------------------------\n"
        "\n"
        "Yahoo Groups Links\n"
        "\n"
        "<*> To visit your group on the web, go to:\n"
        "    http://groups.yahoo.com/group/shop/\n"
        "\n"
        "<*> Your email settings:\n"
        "    Individual Email | Traditional\n"
        "\n"
        "<*> To change settings online go to:\n"
        "    http://groups.yahoo.com/group/shop/join\n"
        "    (Yahoo! ID required)\n"
        "\n"
        "<*> To change settings via email:\n"
        "    shop-digest@yahoogroups.com \n"
        "    shop-fullfeatured@yahoogroups.com\n"
        "\n"
        "<*> To unsubscribe from this group, send an email to:\n"
        "    shop-unsubscribe@yahoogroups.com\n"
        "\n"
        "<*> Your use of Yahoo Groups is subject to:\n"
        "    https://info.yahoo.com/legal/us/yahoo/utos/terms/"
    ),
    "an old footer of Yahoo Groups": (
        "To unsubscribe from this group, send an email to:\n"
        "shop-unsubscribe@yahoogroups.com\n"
        "\n"
        "\n"
        "\n"
        "Your use of Yahoo! Groups is subject to http://docs.yahoo.com/info/terms/"
    ),
    "a footer of Groups.io": (
        "-=-=-=-=-=-=-=-=-=-=-=-\n"
        "Groups.io Links: You receive all messages sent to this group.\n"
        "View/Reply Online (#12): https://groups.io/g/shop/message/12\n"
        "Mute This Topic: https://groups.io/mt/103/456\n"
        "Group Owner: shop+owner@groups.io\n"
        "Unsubscribe: https://groups.io/g/shop/unsub [li@x.example]\n"
        "-=-=-=-=-=-=-=-=-=-=-=-"
    ),
    "a footer of Google Groups": (
        "-- \n"
        'You received this message because you are subscribed to the Google Groups "Shop" '
        "group.\n"
        "To unsubscribe from this group and stop receiving emails from it, send an email to "
        "shop+unsubscribe@googlegroups.com.\n"
        "To view this discussion visit "
        "https://groups.google.com/d/msgid/shop/abc%40mail.gmail.com.\n"
        "For more options, visit https://groups.google.com/d/optout."
    ),
    "a Chinese footer of Google Groups": (
        "-- \n"
        "您收到此邮件是因为您订阅了Google网上论坛上的“Shop”群组。\n"
        "要退订此群组并停止接收此群组的电子邮件，请发送电子邮件到shop+unsubscri"
        "be@googlegroups.com。\n"
        "要查看更多选项，请访问https://groups.google.com/d/optout。"
    ),
    "a German footer of Google Groups": (
        "-- \n"
        "Sie erhalten diese Nachricht, weil Sie in Google Groups E-Mails von der Gruppe "
        '"Shop" abonniert haben.\n'
        "Wenn Sie sich von dieser Gruppe abmelden und keine E-Mails mehr von dieser Gruppe "
        "erhalten möchten, senden Sie eine E-Mail an shop+unsubscribe@googlegroups.com."
    ),
    "a French footer of Google Groups": (
        "-- \n"
        'Vous recevez ce message, car vous êtes abonné au groupe Google Groupes "Shop".\n'
        "Pour vous désabonner de ce groupe et ne plus recevoir d'e-mails le concernant, "
        "envoyez un e-mail à l'adresse shop+unsubscribe@googlegroups.com."
    ),
    "a footer of Mailman 2": (
        "_______________________________________________\n"
        "Shop mailing list\n"
        "Shop@lists.example\n"
        "https://lists.example/mailman/listinfo/shop"
    ),
    "a footer of Mailman 3": (
        "_______________________________________________\n"
        "shop mailing list -- shop@lists.example\n"
        "To unsubscribe send an email to shop-leave@lists.example"
    ),
    "a tip of Outlook": (
        "You don't often get email from li@x.example. Learn why this is important "
        "[https://aka.ms/LearnAboutSenderIdentification]"
    ),
    "a Chinese tip of Outlook": (
        "您通常不会收到来自 li@x.example 的电子邮件。了解为什么这很重要 "
        "<https://aka.ms/LearnAboutSenderIdentification>"
    ),
    "a note of MailScanner": (
        "This message has been scanned for viruses and dangerous content by MailScanner, and "
        "is believed to be clean."
    ),
    "a line of Avast": "Virus-free. www.avast.com",
    "a German note of Avast": (
        "Diese E-Mail wurde von Avast Antivirus-Software auf Viren geprüft.\nwww.avast.com"
    ),
    "a French note of Avast": (
        "L'absence de virus dans ce courrier électronique a été vérifiée par le logiciel "
        "antivirus Avast."
    ),
    "a note of Mimecast": "This email has been scanned for viruses and malware by Mimecast.",
    "a banner of Proofpoint": (
        "ZjQcmQRYFpfptBannerStart\n"
        "This Message Is From an External Sender\n"
        "This message came from outside your organization.\n"
        "Report Suspicious\n"
        "ZjQcmQRYFpfptBannerEnd"
    ),
    "a Chinese note of a scanner": "此邮件经扫描未发现病毒，没有病毒。",
    "a note about opinions": (
        "Any views or opinions presented in this email are solely those of the author and do "
        "not necessarily represent those of the company."
    ),
    "a German notice of three sentences": (
        "Diese Nachricht ist vertraulich. Sie ist ausschließlich für den im Adressfeld "
        "ausgewiesenen Adressaten bestimmt. Jeglicher Zugriff durch andere Personen ist untersagt."
    ),
    "a German banner with a tag": (
        "[EXTERN] Diese E-Mail wurde von außerhalb der Organisation gesendet. Öffnen Sie keine "
        "Anhänge, es sei denn, Sie kennen den Absender."
    ),
    "a French notice with attachments": (
        "Ce message (et toutes ses pièces jointes éventuelles) est confidentiel et établi à "
        "l'intention exclusive de ses destinataires."
    ),
    "a French banner with a sign": (
        "⚠ Ce courriel provient d'un expéditeur externe. Ne cliquez sur aucun lien à moins d'être "
        "certain de sa provenance."
    ),
    "a Chinese banner about care of secrets": "此邮件来自外部联系人，请勿泄露敏感信息。",
    "a banner between stars": (
        "*** This is an external email. Please take care when clicking links. When in doubt, "
        "contact your IT Department ***"
    ),
    "links of Yahoo Groups": "Yahoo! Groups • Privacy • Unsubscribe • Terms of Use",
    "a Spanish banner": "Este correo procede de un remitente externo.",
    "a Japanese banner": "このメールは社外から送信されました。",
}
"""One example of each kind of addition by lists, gateways and scanners."""


@pytest.mark.parametrize("text", [TEXT, "灯坏了。"])
@pytest.mark.parametrize("addition", ADDITIONS.values(), ids=ADDITIONS)
def test_mails_that_differ_by_an_addition_of_a_list_or_gateway_are_copies(
    addition: str, text: str
) -> None:
    wrapped = "\n".join(textwrap.fill(line, 72) for line in addition.split("\n"))
    for added in (f"{addition}\n\n{text}", f"{text}\n\n{addition}", f"{text}\n\n{wrapped}"):
        assert both_ways(copy(text), copy(added))


@pytest.mark.parametrize(
    "text",
    [
        f"{BANNER}\n{TEXT}",
        f"{BANNER}\nClick no links.\n\n{TEXT}",
        f"{BANNER}\n-----\n\n{TEXT}",
        f"[EXTERNAL] {TEXT}",
        f"{TEXT}\n--\nThis mail comes from outside.",
        f"{BANNER}\n\n{TEXT}\n\n{ADDITIONS['a footer of Google Groups']}\n{LIST}",
        "My parcel has\nnot come. Please look\nfor it.\n",
        TEXT.replace(" ", "\u200b  ").replace("\n", " \n\n"),
    ],
    ids=[
        "a banner without an empty line",
        "a banner in two lines",
        "a banner with a rule",
        "a tag",
        "a footer of dashes",
        "a banner and two footers",
        "other line breaks",
        "blanks and invisible characters",
    ],
)
def test_mails_that_differ_by_the_form_of_an_addition_are_copies(text: str) -> None:
    assert both_ways(copy(), copy(text))


def test_mails_with_different_additions_are_copies() -> None:
    footer = ADDITIONS["a footer of Groups.io"]
    assert both_ways(copy(f"{BANNER}\n\n{TEXT}"), copy(f"{TEXT}\n\n{footer}"))


WORDS = [
    "您好，我要退订会员，请退款200元。",
    "您没有给我取消订阅，请退款。",
    "取消订阅。",
    "请您立即退款。",
    "注意：灯会烧。",
    "外部邮件请退款",
    "禁止任何人进我家",
    "此邮件是给外部律师的",
    "如果您收到错误的灯，请退款",
    "The chair is missing, too.",
    "Photos: https://img.example/1 and I want 200 EUR back.",
    "https://img.example/1",
    "If you do not refund me I will publish this confidential letter.",
    "This subscription costs 30 EUR, cancel it.",
    "You also did not unsubscribe me, although I asked twice.",
    "Note: I cancelled my subscription on Monday",
    "Unsubscribe.",
    "External lamp broken",
    "Caution: the lamp burns.",
    "This message is confidential and I want my money back.",
    "This email was sent from an external address of mine.",
    "This e-mail is intended as a complaint.",
    "The sender is outside.",
    "Please delete it.",
    "Please be careful.",
    "Do not reply.",
    "The company cannot accept the lamp back.",
    "If you have received my parcel in error, send it back.",
    "Any use of my photos is prohibited.",
    "To unsubscribe I called three times.",
    "Refund mailing list\nlamps@lists.example",
    "Diese Mail ist eine Beschwerde, extern geprüft.",
    "Wenn Sie nicht liefern, sind Sie im Irrtum.",
    "Ce message est une réclamation confidentielle.",
    "Si vous avez fait erreur, remboursez.",
    "If you are not the intended recipient of my complaint, refund me.",
    "This email and its attachments are confidential, and I demand compensation.",
    "Please use caution: the battery burned my hand.",
    "You received this message because you are subscribed to my patience.",
    "Unsubscribe: https://shop.example/u does not work",
    "Virus-free. My lamp is not.",
    "[EXTERNAL] power supply burned",
    "Bitte öffnen Sie die Anhänge, dort ist das Foto der Lampe.",
    "Merci de supprimer ce message et mon compte.",
    "此邮件来自公司外部人员，我要投诉他。",
    "该邮件由外部律师发出，请在三天内退款。",
    "本邮件为保密投诉，请退款。",
    "如您错收了我的退货，请退款。",
    "I got a mail from an external company.",
    "+86 138 0000 0000",
    "Li Na\nli@example.com",
]
"""Sentences of customers. Many of their words also occur in banners and footers."""


@pytest.mark.parametrize("text", [TEXT, "可以。"])
@pytest.mark.parametrize("words", WORDS)
def test_mails_that_differ_by_words_of_the_author_are_no_copies(words: str, text: str) -> None:
    for other in (
        f"{text}\n\n{words}",
        f"{words}\n\n{text}",
        f"{text}\n{words}",
        f"{words}\n{text}",
        f"{text} {words}",
        f"{text}\n{'_' * 30}\n{words}",
        f"{text}\n---\n{words}",
        f"{BANNER}\n\n{words}\n\n{text}",
        f"{BANNER}\n{words}\n{text}",
        f"{text}\n\n{words}\n\n{LIST}",
        f"{text}\n--\nThis mail comes from outside\n{words}",
    ):
        assert not both_ways(copy(text), copy(other))


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("parcel", "letter"),
        TEXT + " 4711",
        "My parcel has not come.",
        "",
        f"{TEXT}\n{'_' * 47}\n" + "And call me about it. " * 300,
    ],
    ids=["another word", "another number", "less", "nothing", "a long text below a rule"],
)
def test_mails_with_different_texts_are_no_copies(text: str) -> None:
    assert not both_ways(copy(), copy(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Refund 20 0 EUR, flat 1 2", "Refund 200 EUR, flat 12"),
        ("I am\nnow here", "I am nowhere"),
    ],
)
def test_mails_whose_words_differ_by_a_blank_are_no_copies(one: str, other: str) -> None:
    assert not both_ways(copy(one), copy(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("我的包裹\n没有到", "我的包裹没有到"),
        ("订单 4711\n没有到", "订单4711没有到"),
        ("a  b", "a\nb"),
    ],
)
def test_mails_whose_lines_are_wrapped_in_other_places_are_copies(one: str, other: str) -> None:
    assert both_ways(copy(one), copy(other))


def test_a_forward_is_no_copy_of_an_answer() -> None:
    assert not both_ways(copy(subject="Re: x"), copy(subject="Fwd: x"))


def test_mails_with_different_signatures_are_no_copies() -> None:
    one, other = (f"{TEXT}\n-- \n{name}\nli@example.com" for name in ("Li Na", "Li Na, at home"))
    assert not both_ways(copy(one), copy(other))


@pytest.mark.parametrize(
    ("subject", "same"),
    [
        ("[EXT] My parcel", True),
        ("[External Sender] My parcel", True),
        ("【外部邮件】My parcel", True),
        ("EXTERNAL: My parcel", True),
        ("⚠ EXTERNAL: My parcel", True),
        ("My parcel [EXT]", True),
        ("***SPAM*** My parcel", True),
        ("*****SPAM(5.5)***** My parcel", True),
        ("[⚠ EXTERNAL] My parcel", True),
        ("[Caution: External] My parcel", True),
        ("{Spam?} My parcel", True),
        ("[Suspected Spam] My parcel", True),
        ("[垃圾邮件] My parcel", True),
        ("My other parcel", False),
        ("Re: My parcel", False),
        ("[R-7K3M9-QW0X2] My parcel", False),
        ("[Shop] My parcel", False),
        ("[2nd lamp] My parcel", False),
        ("[Spam complaint] My parcel", False),
        ("Caution: My parcel", False),
        ("External My parcel", False),
    ],
)
def test_only_tags_of_gateways_are_ignored_in_subjects(subject: str, same: bool) -> None:
    assert both_ways(copy(), copy(TEXT, subject)) is same


LISTED = f"{TEXT}\n{LIST}"


@pytest.mark.parametrize(
    ("subject", "same"),
    [("[Shop] My parcel", True), ("[EXT] [shop] My parcel", True), ("[Lamp] My parcel", False)],
)
def test_the_tag_of_a_list_is_ignored_if_the_list_names_itself(subject: str, same: bool) -> None:
    assert both_ways(copy(), copy(LISTED, subject)) is same
    by_header = copy_of("x", subject, TEXT, (), ["Our shop <shop.lists.example>"])
    assert both_ways(copy(), by_header) is same
    assert both_ways(copy(TEXT, "[Shop] My parcel"), copy(LISTED, "[Shop] My parcel"))


def test_prefixes_of_answers_are_found_before_and_after_tags() -> None:
    assert not both_ways(copy(TEXT, "[Order 1] Help"), copy(TEXT, "[Order 2] Help"))
    assert both_ways(copy(TEXT, "Re: [External] Help"), copy(TEXT, "[EXT] Re: Help"))


def test_an_item_of_an_earlier_version_is_no_copy() -> None:
    old = {"identity": "x", "subject": "1", "tags": [], "text": "2", "proper": [], "loose": []}
    assert not is_copy(msgspec.convert(old, Copy), copy())


def test_files_must_be_equal_except_for_a_footer() -> None:
    picture = ("image/png", b"\x89PNG")
    footer = ("text/plain", f"{LIST}\n".encode())
    words = ("text/plain", b"serial number 4711")
    assert both_ways(copy(TEXT, "x", picture), copy(TEXT, "x", picture, footer))
    assert not both_ways(copy(TEXT, "x", picture), copy(TEXT, "x"))
    assert not both_ways(copy(TEXT, "x"), copy(TEXT, "x", words))


@given(st.text(max_size=200), st.text(max_size=60))
def test_every_mail_is_a_copy_of_itself(text: str, subject: str) -> None:
    assert is_copy(copy(text, subject), copy(text, subject))


@pytest.mark.parametrize(
    "text",
    [
        "a\n" * 100_000,
        "--\nhttps://x\n" * 15_000,
        "outside " * 25_000,
        "-" * 200_000,
        "\n" * 200_000,
        ("outside " * 500 + "\n\n") * 50,
    ],
)
def test_a_copy_is_made_in_linear_time(text: str) -> None:
    effort.within(1, lambda: copy(text, text))
