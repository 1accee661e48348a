"""How many characters of short texts are read correctly if a label is right, wrong or missing.

Phrases of 2 to 200 characters in seven charsets are decoded by Redress, by charset-normalizer and
by the standard library. Each phrase is measured in four groups: with the right label, with a wrong
label, without a label, and with one damaged byte (under the right label, `utf-8` or none). Redress
gets only the bytes and the label, as the other two do, without the rest of a mail.
charset-normalizer takes no label, so it is measured twice: on all phrases, and as a mail program
would use it, only if the label is unknown or the bytes are not valid in it.

Only characters beyond ASCII count. A character is right if it is in the longest common parts of the
text and the reading. A wrong character can contain an ASCII byte of the text, so texts whose ASCII
characters changed are counted, too. Chinese phrases come from the catalogue and the mail templates,
all others from the sentences below. Some sentences have characters that mail programs write under a
label although the registered charset does not have them. Others have characters that are easily
taken for Chinese: accents in sequence and in capitals, ¡ and ¿, half-width katakana.
"""

from __future__ import annotations

import email
import email.policy
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from email.message import EmailMessage
from pathlib import Path

from charset_normalizer import from_bytes
from rich.console import Console
from rich.progress import track

from bench.report import Figure, Machine
from redress.mail.incoming.reader import charset
from redress.mail.incoming.reader.limits import Defects

ABOUT = "charsets: characters of short texts that are read correctly"
LIMIT_S = 300
LENGTHS = (2, 3, 4, 6, 8, 12, 20, 40, 80, 200)
PHRASES = 12
"""The number of phrases of each length in each charset and group."""
SHORT = 8
"""Phrases with fewer characters are also counted separately. They hardly show their charset."""
GROUPS = ("labelled", "mislabelled", "unlabelled", "damaged")

DATA = Path(__file__).resolve().parent.parent / "layers/core/redress/data"

JAPANESE = """
お世話になっております。先週注文した洗濯機がまだ届いていません。配達の予定日を教えていただけますか。
箱を開けたら画面が割れていました。写真を添付しますので、ご確認をお願いいたします。
先月分の請求書に、使っていないサービスの料金が含まれています。返金をお願いします。
サポートに三回電話しましたが、誰も出ませんでした。至急ご連絡ください。
修理をお願いしたパソコンの状況を知りたいです。受付番号は手元にあります。
注文をキャンセルしたいのですが、ボタンが見つかりません。どうすればよいでしょうか。
サイズが合わないので、交換できますか。タグはまだ付いています。
引っ越しをしたので、住所の変更をお願いします。新しい電話番号も登録してください。
エアコンから水が漏れて、床が濡れてしまいました。今日中に見に来てもらえますか。
迅速に対応していただき、ありがとうございました。問題は解決しました。
"""
KOREAN = """
안녕하세요. 지난주에 주문한 세탁기가 아직 도착하지 않았습니다. 배송 예정일을 알려 주시겠어요?
상자를 열어 보니 화면이 깨져 있었습니다. 사진을 첨부하니 확인 부탁드립니다.
지난달 청구서에 제가 쓰지 않은 서비스 요금이 들어 있습니다. 환불해 주세요.
고객 센터에 세 번이나 전화했지만 아무도 받지 않았습니다. 빨리 연락해 주세요.
수리를 맡긴 노트북이 어떻게 되었는지 알고 싶습니다. 접수 번호는 가지고 있습니다.
주문을 취소하고 싶은데 버튼을 찾을 수 없습니다. 어떻게 해야 하나요?
크기가 맞지 않아서 교환하고 싶습니다. 꼬리표는 그대로 붙어 있습니다.
이사를 해서 주소를 바꾸려고 합니다. 새 전화번호도 등록해 주시기 바랍니다.
에어컨에서 물이 새어 바닥이 젖었습니다. 오늘 안에 와서 봐 주실 수 있나요?
신속하게 처리해 주셔서 감사합니다. 문제가 해결되었습니다.
"""
LATIN = """
Sehr geehrte Damen und Herren, die Waschmaschine für Frau Müller wurde noch nicht geliefert.
Das Gerät ist beschädigt, und die Tür schließt nicht. Ich möchte mein Geld zurück.
Können Sie mir die Rechnung schicken? Ich wäre Ihnen dankbar. Schöne Grüße aus Köln.
Übrigens: Der Fernseher läuft seit gestern überhaupt nicht mehr, und niemand ruft zurück.
Bonjour, ma commande n'a pas été livrée et le numéro de suivi est périmé. Où est mon colis ?
L'écran était cassé à l'arrivée. Je vous prie de procéder à un échange dès que possible.
J'ai déjà téléphoné trois fois, mais le répondeur était plein. C'est très désagréable.
Voilà ma référence. Le remboursement a été demandé en février, et je n'ai rien reçu.
Buenos días, el pedido llegó dañado y el señor de la línea de atención no contestó.
¿Podrían devolver el dinero? La lavadora no funciona y mi contraseña tampoco.
La dirección de envío cambió el último año; por eso la factura llegó después.
El técnico vendrá mañana, según me dijeron. Todavía no recibí ninguna confirmación.
"""

CAPITALS = """
RECLAMAÇÃO: NÃO RECEBI A DEVOLUÇÃO. ATENÇÃO, PEÇO INFORMAÇÕES. A LIGAÇÃO CAIU TRÊS VEZES.
¡HOLA! ¿DÓNDE ESTÁ MI COMPAÑÍA DE ENVÍO? ¡Última llamada! El año que viene no compraré más.
OÙ EST LA CRÉANCE? L'ÉTÉ DERNIER J'AI ÉTÉ FACTURÉE DEUX FOIS. «Où» est mon «reçu» ? ÇA NE VA PAS.
DIE TÜR SCHLIEßT NICHT, UND DIE RÜCKGABE WÄRE MÖGLICH. ÄÖÜ WERDEN FALSCH GEDRUCKT. 25 °C, § 5.
FÖRSÄLJNINGEN ÄR STÄNGD. ÅÄÖ SYNS INTE. TÖÖPÄIVÄ, HÄÄYÖ, PÄÄSY. FORSØGET PÅ ÆBLEØEN. RØDGRØD.
Não há opções: a reclamação e as devoluções são lentas. Coração, irmãs, órgãos, lições, pães.
GÓÐAN DAGINN, PÖNTUNIN ER EKKI KOMIN. ÞAÐ VAR ÞÓ STAÐFEST. Veðrið er gott og síðan líka. Takk.
"""
"""Sentences with accents in sequence and in capitals. Their bytes also mean Chinese characters."""
KATAKANA = """
ｺﾝﾆﾁﾊ。ｾﾝｼｭｳﾁｭｳﾓﾝｼﾀﾃﾚﾋﾞｶﾞﾏﾀﾞﾄﾄﾞｷﾏｾﾝ。ﾊｲﾀﾂﾉﾖﾃｲﾋﾞｦｵｼｴﾃｸﾀﾞｻｲ。ﾔﾏﾀﾞﾀﾛｳ、ｽｽﾞｷｲﾁﾛｳ。
ﾊﾟｿｺﾝﾉｼｭｳﾘｦｵﾈｶﾞｲｼﾏｽ。ﾒｰﾙｱﾄﾞﾚｽﾉﾍﾝｺｳﾄ､ﾕｰｻﾞｰｾｲｷｭｳｼｮﾉｷｬﾝｾﾙﾃﾞｽ｡ｸﾚｰﾑﾃﾞﾊｱﾘﾏｾﾝ｡ｴｱｺﾝｶﾞｺﾜﾚﾏｼﾀ。
ﾛｸﾞｲﾝﾃﾞｷﾅｲﾉﾃﾞﾊﾟｽﾜｰﾄﾞｦｵｸｯﾃｸﾀﾞｻｲ。ｻｲｽﾞﾊｴﾙﾃﾞｽ。ﾍﾝｷﾝｻｷﾊﾐﾂﾋﾞｼｷﾞﾝｺｳﾌﾂｳｺｳｻﾞﾃﾞｽ。ﾖﾛｼｸｵﾈｶﾞｲｼﾏｽ。
ﾃﾞﾝﾜﾊｻﾝｶｲｶｹﾏｼﾀｶﾞ､ﾀﾞﾚﾓﾃﾞﾏｾﾝ｡ｶｽﾀﾏｰｻﾎﾟｰﾄﾉｶﾀ､ｺﾞﾚﾝﾗｸﾏｯﾃｲﾏｽ｡ﾚｲｿﾞｳｺﾉﾄﾞｱｶﾞｼﾏﾘﾏｾﾝ｡
"""
"""Half-width katakana, as old programs and banks in Japan write them."""

BEYOND = {
    "zh-CN": "收件人是王喆、李堃和陶镕，货号①③⑤，一共25€。我的名字里有“玥”字，发票上却写成了“月”。",
    "zh-TW": "收件人是黃碁鋒和林銹文，住在恒春路。盒子裏面少了一個零件，要25€。我哋嘅訂單喺邊度？",
    "ja": "送り先は①髙橋様、②宮﨑様です。請求書は㈱山本電機にお送りください。型番はⅢです。",
    "ko": "받는 사람은 설믜 씨입니다. 펲시 상자가 찌그러졌고, 뚜껑이 뙇 하고 열렸습니다. ",
    "latin": "“Geld zurück” – so steht’s auf der Verpackung: 25 € … L’étiquette dit « 30 € ». ",
}
"""Sentences with characters that the registered charset of the label does not have."""
SPECIAL = 6
"""One in this many phrases begins in a sentence of BEYOND or in another special sentence."""

_LABELS = {
    "utf-8": "utf-8",
    "gb18030": "gb2312",
    "cp950": "big5",
    "cp932": "shift_jis",
    "euc_jp": "euc-jp",
    "cp949": "euc-kr",
    "cp1252": "iso-8859-1",
}
"""The seven charsets: Python's codecs, each with the label that mails have for it."""
_WRONG = (*_LABELS.values(), "us-ascii")


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes with a label ("" if there is none), and the text that is right for them."""

    group: str
    codec: str
    text: str
    data: bytes
    label: str


Readings = dict[tuple[str, str], list[tuple[str, str]]]
"""Pairs of the right text and the decoded text, by group and decoder."""


def samples() -> list[Sample]:
    """Return all samples, the same in every run."""
    chance = random.Random(22)
    return [sample for codec in _LABELS for sample in _samples_in(codec, chance)]


def _samples_in(codec: str, chance: random.Random) -> Iterator[Sample]:
    right = _LABELS[codec]
    wrong = [label for label in _WRONG if label != right]
    for length in LENGTHS:
        for turn in range(PHRASES):
            special, other = chance.choice(_material()[codec])
            text = f"{special}{other}"
            end = len(special) if turn % SPECIAL == 0 else len(text) - length
            text = _phrase(text, end, length, codec, chance)
            data = text.encode(codec)
            yield Sample("labelled", codec, text, data, right)
            yield Sample("mislabelled", codec, text, data, chance.choice(wrong))
            yield Sample("unlabelled", codec, text, data, "")
            left, broken = _damaged(text, codec, chance)
            yield Sample("damaged", codec, left, broken, chance.choice((right, "utf-8", "")))


def _material() -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return pairs of a special sentence and an ordinary text, by charset."""
    if not _MATERIAL:
        simplified = (BEYOND["zh-CN"], _own("zh-CN"))
        traditional = (BEYOND["zh-TW"], _own("zh-TW"))
        japanese = (BEYOND["ja"], "".join(JAPANESE.split()))
        korean = (BEYOND["ko"], " ".join(KOREAN.split()))
        katakana = ("ｶ)ﾔﾏﾀﾞｼｮｳｼﾞ ﾄｳｷｮｳﾄﾁﾖﾀﾞｸ", "".join(KATAKANA.split()))
        latin = (BEYOND["latin"], " ".join(LATIN.split()))
        capitals = ("¡Hola! ¡Última! ¿Él? «Été» ÅÄÖ, ÄÖÜ, AÇÃO. ", " ".join(CAPITALS.split()))
        _MATERIAL.update(
            {
                "utf-8": [simplified, traditional, japanese, korean, latin, capitals],
                "gb18030": [simplified],
                "cp950": [traditional],
                "cp932": [japanese, katakana],
                "euc_jp": [japanese],
                "cp949": [korean],
                "cp1252": [latin, capitals],
            }
        )
    return _MATERIAL


_MATERIAL: dict[str, list[tuple[str, str]]] = {}


def _own(language: str) -> str:
    """Return all texts of the product in one language, without variables and addresses."""
    catalogue = json.loads((DATA / f"catalogue/{language}.json").read_text("utf-8"))
    mails = [path.read_text("utf-8") for path in sorted((DATA / f"mail/{language}").glob("*.txt"))]
    text = "\n".join(
        re.sub(r"\{[^}]*\}|https?:\S+", "", one) for one in (*catalogue.values(), *mails)
    )
    lines = [line.strip() for line in text.split("\n") if any(one > "\u2e80" for one in line)]
    return "".join(line if line[-1] in "。！？：" else f"{line}。" for line in lines)


def _phrase(text: str, end: int, length: int, codec: str, chance: random.Random) -> str:
    """Return a random part of a text that is not all ASCII and that the charset can encode.

    It begins before `end`. In a text with blanks, it begins with a word.
    """
    while True:
        begin = chance.randrange(end)
        if " " in text[:200]:
            begin = text.find(" ", begin) + 1
        found = text[begin : begin + length].strip()
        if len(found) >= 2 and not found.isascii() and _can_write(found, codec):
            return found


def _can_write(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeError:
        return False
    return True


def _damaged(text: str, codec: str, chance: random.Random) -> tuple[str, bytes]:
    """Remove or replace one byte of a random character beyond ASCII.

    Return the text without that character, and the damaged bytes.
    """
    place = chance.choice([at for at, one in enumerate(text) if not one.isascii()])
    before, character, after = (
        part.encode(codec) for part in (text[:place], text[place], text[place + 1 :])
    )
    at = chance.randrange(len(character))
    instead = chance.choice((b"", b"\xff", b"?"))
    broken = character[:at] + instead + character[at + 1 :]
    return text[:place] + text[place + 1 :], before + broken + after


# ------------------------------------------------------------------------------ decoders


def by_redress(data: bytes, label: str) -> str:
    return charset.decode(data, label, Defects()).text


def by_detection(data: bytes, label: str) -> str:
    return str(from_bytes(data).best() or "")


def by_label_then_detection(data: bytes, label: str) -> str:
    try:
        return data.decode(label or "ascii")
    except (UnicodeError, LookupError):
        return by_detection(data, label)


def by_email(data: bytes, label: str) -> str:
    """Return the text of a mail with this body, as the standard library decodes it."""
    kind = f"text/plain; charset={label}" if label else "text/plain"
    head = f"Content-Type: {kind}\nContent-Transfer-Encoding: 8bit\n\n".encode()
    read = email.message_from_bytes(head + data, policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    try:
        return str(read.get_content())
    except LookupError:  # the standard library does not know the label
        return data.decode("ascii", "replace")


DECODERS: Mapping[str, Callable[[bytes, str], str]] = {
    "Redress": by_redress,
    "charset-normalizer": by_detection,
    "the label, else charset-normalizer": by_label_then_detection,
    "standard library": by_email,
}


def right_share(found: Sequence[tuple[str, str]]) -> float:
    """Return the share of characters beyond ASCII that are right in pairs of text and reading."""
    right = sum(_right(text, reading) for text, reading in found)
    return right / max(sum(len(_beyond(text)) for text, _ in found), 1)


def _right(text: str, reading: str) -> int:
    wanted, got = _beyond(text), _beyond(reading)
    if wanted == got:
        return len(wanted)
    matcher = SequenceMatcher(None, wanted, got, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def changed(found: Sequence[tuple[str, str]]) -> int:
    """Return the number of texts in which an ASCII character was lost or added."""
    return sum(_ascii(text) != _ascii(reading) for text, reading in found)


def _ascii(text: str) -> str:
    return "".join(one for one in text if one.isascii())


def _beyond(text: str) -> str:
    return "".join(one for one in text if not one.isascii())


# ------------------------------------------------------------------------------ figures


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    """Measure all decoders. `directory` is unused, because nothing is deployed."""
    every = max(1, round(1 / scale))
    chosen = samples()[:: every if every % len(GROUPS) else every + 1]
    console.print(f"{len(chosen)} samples")
    found = readings(track(chosen, "samples", console=console))
    return [figure for group in GROUPS for figure in figures(group, found)]


def readings(chosen: Iterable[Sample]) -> Readings:
    """Return the text that each decoder returns for each sample."""
    found: Readings = {}
    for sample in chosen:
        for name, decoder in DECODERS.items():
            read = decoder(sample.data, sample.label)
            found.setdefault((sample.group, name), []).append((sample.text, read))
    return found


def _ahead(name: str, share: float, peer: str, its_share: float) -> Figure:
    note = f"{peer}: {its_share:.2f} %"
    return Figure(name, share, "%", "more than", share > its_share, note)


def figures(group: str, found: Readings) -> list[Figure]:
    own, *peers = DECODERS
    share = {name: 100 * right_share(found[group, name]) for name in DECODERS}
    short = [pair for pair in found[group, own] if len(pair[0]) < SHORT]
    name = f"{group}: characters right"
    result = [
        *(_ahead(name, share[own], peer, share[peer]) for peer in peers),
        Figure(f"{name}, of phrases under {SHORT} characters", 100 * right_share(short), "%"),
    ]
    if group != "damaged":  # in "damaged", a remaining byte may be an ASCII character
        note = ", ".join(f"{peer}: {changed(found[group, peer])}" for peer in peers)
        name = f"{group}: texts in which ASCII characters changed"
        result.append(Figure(name, changed(found[group, own]), "texts", note=note))
    return result
