"""What mailing lists, gateways and scanners add to a mail, recognised sentence by sentence.

Only a complete sentence of a known form is an addition. There are two sorts of forms:

- The fixed texts of mailing lists and products. They have slots for addresses, links and names.
- Notices about the origin, the confidentiality or the scanning of a mail, whose wording differs
  from company to company. A notice begins with a known phrase, contains a required word, and
  consists of words of a closed list and a few names of companies. The list has no words about a
  customer's own matter: no "I" and "my", no product, no order, no money and no number.

All other text belongs to the author of the mail. The forms are narrow, because the two possible
errors differ: a customer's words that are taken for an addition can mean a lost complaint, but an
addition that is taken for a customer's words only means a second ticket.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

MOST_ADDED = 6_000
"""How many characters are searched at each end of a text. Legal notices have up to 3,000."""
MOST_LINES = 60
"""How many of the last lines are tried as the beginning of a footer."""
MOST_ADDITIONS = 60
"""How many additions are recognised that follow each other."""
WRAPPED = 48
"""A line with at least this many characters may have been wrapped within a sentence."""
WRAPPED_CHINESE = 20
"""The same number for a line in Chinese."""
HIDDEN = str.maketrans(dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad"))

_SAME = str.maketrans(
    "’‘‛“”„«»：，、；。！？（）＜＞｜\u00a0\u3000\u202f‐‑–—",
    '\'\'\'""""":,,;.!?()<>|   ----',
)
"""Maps the variants of a character to one form. The positions in a text do not change."""

# ------------------------------------------------------------------------------ fixed texts

_ADDRESS = r"[<\[(]?(?:mailto:)?[^\s@<>\[\]()]{1,80}@[^\s@<>\[\]()]{1,200}[>\])]?"
_URL = r"[<\[(]?(?:https?://|www\.)[^\s<>\[\]()]{1,500}[>\])]?"
_SLOTS = {
    "ADDRESS": rf"{_ADDRESS}(?:\s*{_ADDRESS})?",
    "URL": rf"{_URL}(?:\s*{_URL})?",
    "QUOTED": r'"[^"\n]{1,80}"',
    "LIST": r"[\w.+-]{1,64}",
    "ITEM": r"(?:reply via (?:web post|email)|reply to (?:sender|group)|start a new topic|"
    r"visit your group|messages in this topic \([0-9]{1,5}\)|privacy|unsubscribe|"
    r"terms of use|yahoo!? groups)"
    rf"(?:\s*{_URL})?",
    "MAIL": r"(?:e-?mail|mail|message|communication|transmission)",
}
_FIXED = """
you (?:received|are receiving) this message because you(?: are|'re) subscribed to the google
    groups(?: QUOTED group)?
you (?:received|are receiving) this message because you(?: are|'re) subscribed to (?:the
    )?(?:group |list |mailing list |topic )?(?:QUOTED|ADDRESS)(?: (?:group|mailing list|list))?
to unsubscribe from this (?:group|topic|list) and stop receiving (?:MAIL|emails|messages) from
    it, send an MAIL to ADDRESS
to unsubscribe from this (?:group|topic|(?:mailing )?list),? (?:please )?(?:send an (?:empty
    |blank )?MAIL to|visit|go to|write to|click|email)[:]? ?(?:ADDRESS|URL)
to (?:post|send messages|subscribe) to this (?:group|list),? send (?:an )?MAIL to:? ADDRESS
(?:visit|view) this group at:? URL
(?:for more options|for additional options),? visit:? (?:this group at )?URL
to view this discussion(?: on the web)?,? visit:? URL
您收到此(?:邮件|消息)是因为您订阅了 ?google ?(?:网上论坛|群组)(?:上|中)?的?
    ?QUOTED(?:群组|论坛)?
要退订此群组并停止接收此群组的电子邮件,请发送电子邮件到 ?ADDRESS
(?:要查看更多选项|有关更多选项),请访问 ?URL
(?:要在网络上查看此讨论|要查看此讨论),请访问 ?URL
您收到(?:這則訊息|此訊息|這封郵件),?是因為您(?:已訂閱|訂閱了) ?google ?(?:網路論壇|群組)中?的?
    ?QUOTED(?:群組|論壇)?
如要取消訂閱這個群組並停止接收(?:來自)?這個群組的(?:電子)?郵件,請(?:傳送|寄送)電子郵件到 ?ADDRESS
(?:如要|要)在網路上查看這(?:個討論|項討論|則討論),請(?:造訪|前往) ?URL
sie (?:erhalten|haben) diese nachricht(?: erhalten)?, weil sie (?:in google groups e-?mails von
    der gruppe QUOTED abonniert haben|der google groups-gruppe QUOTED beigetreten sind)
wenn sie sich von dieser gruppe abmelden und keine e-?mails mehr von dieser gruppe erhalten
    möchten, senden sie eine e-?mail an ADDRESS
(?:um|wenn sie) diese diskussion im web (?:anzuzeigen|anzeigen möchten), (?:besuchen|rufen) sie
    URL(?: auf)?
besuchen sie URL, um diese diskussion im web anzuzeigen
weitere optionen finden sie unter URL
vous (?:recevez|avez reçu) ce message,? (?:car|parce que) vous êtes
    (?:abonné|inscrit)(?:\\(?e\\)?)? au groupe google (?:groupes?|groups) QUOTED(?: de google
    groupes)?
pour vous désabonner de ce groupe et ne plus recevoir d'e-?mails le concernant, envoyez un
    e-?mail à(?: l'adresse)? ADDRESS
(?:cette discussion peut être lue sur le web à l'adresse|pour afficher cette discussion sur le
    web,? (?:consultez|visitez)(?: la page)?) URL
pour obtenir davantage d'options, consultez(?: la page)? URL
groups\\.io links: ?you receive (?:all|selected|no) messages sent to this group
(?:groups\\.io links:?|you receive all messages sent to this group)
(?:view/reply online|view all messages in topic|reply to group|reply to sender)
    \\(#?[0-9]{1,9}\\): ?URL
(?:mute this topic|mute #LIST|new topic|change your subscription|your subscription|group
    home|group owner|contact group owner|terms of service|unsubscribe|follow hashtag):
    ?(?:URL|ADDRESS)(?: ?\\[ADDRESS\\]| ADDRESS)?
yahoo!? groups links
(?:<\\*>|\\*|•)? ?to visit your group on the web,? go to:? URL
(?:<\\*>|\\*|•)? ?your email settings:? individual email \\| traditional
(?:<\\*>|\\*|•)? ?to change settings online go to:? URL(?: \\(yahoo!? id required\\))?
(?:<\\*>|\\*|•)? ?to change settings via email:? ADDRESS(?: ADDRESS)?
(?:<\\*>|\\*|•)? ?to unsubscribe from this group,? send an email to:? ADDRESS
(?:<\\*>|\\*|•)? ?your use of yahoo!? groups is subject to(?: the yahoo!? terms of service)?:?
    URL
visit your group(?: URL)?
ITEM(?: [•|·] ITEM){1,6}
this MAIL has been scanned by the symantec email security\\.cloud service
(?:checked by|scanned with) (?:avg|avast) - URL
to unsubscribe,? (?:e-?mail|send an e-?mail to|send e-?mail to|write to):? ADDRESS(?: with a
    subject of "unsubscribe")?
to unsubscribe,? (?:visit|go to|see):? URL
for additional commands,? e-?mail:? ADDRESS
trouble\\? contact ADDRESS
to unsubscribe from this list: send the line "unsubscribe LIST" in the body of a message to
    ADDRESS
more majordomo info at URL
please read the faq at URL
to unsubscribe from the LIST list,? click the following link: URL
to unsubscribe from the LIST list: write to: ADDRESS or click the following link: URL
access the LIST (?:list )?home page and archives: URL
to unsubscribe send an email to ADDRESS
manage (?:your )?subscriptions?: ?URL
发送自LIST邮件列表,退订请(?:回复|点击)(?: ?URL)?
(?:you|some people who received this message) don't often get e-?mails? from ADDRESS\\. learn
    why(?: this is important)?(?: at)?(?: ?URL)?
(?:您|你|收到此(?:邮件|消息)的某些人)通常不会收到来自 ?ADDRESS
    ?的(?:电子)?邮件\\. ?了解(?:为什么这很重要|这一点为什么很重要|为何这很重要)(?:
    ?URL)?
(?:您|你)通常不會收到來自 ?ADDRESS
    ?的(?:電子)?郵件\\. ?了解(?:為什麼這很重要|為何這很重要|這一點為何重要)(?: ?URL)?
sie erhalten nicht (?:oft|häufig) e-?mails? von ADDRESS\\. (?:erfahren sie,? warum dies wichtig
    ist|weitere informationen,? warum dies wichtig ist)(?: ?URL)?
vous n'(?:obtenez|recevez) pas souvent (?:d'e-?mail|de courriers?)(?: à partir)? de ADDRESS\\.
    (?:pourquoi c'est important|découvrez pourquoi (?:cela|ceci) est important)(?: ?URL)?
zjqcmqryfpfptbanner(?:start|end)
report suspicious(?: ?URL)?
external(?: e-?mail| mail| sender| message)?
(?:外部邮件|外部郵件|外部发件人|外部寄件人|外部寄件者|外来邮件|外來郵件)
externe (?:e-?mail|mail|nachricht)
externer absender
(?:courriel|e-?mail|message|mail) externe
expéditeur externe
click no links
think before you click
virus-free\\.?(?: ?URL)?
virenfrei\\.?(?: ?URL)?
(?:garanti )?sans virus\\.?(?: ?URL)?
(?:无病毒|無病毒)\\.?(?: ?URL)?
www\\.(?:avast|avg)\\.com(?: ?URL)?
for more information please visit:?
    https?://www\\.(?:symanteccloud|messagelabs|mimecast|mailscanner)\\.\\S{1,40}
please consider the environment before printing this MAIL
este (?:mensaje|correo(?: electrónico)?) (?:proviene|procede)
    (?:de un remitente externo|de fuera de (?:la|su) organización)
questo messaggio proviene (?:da un mittente esterno|dall'esterno dell'organizzazione)
このメールは(?:社外|外部|組織外)(?:の送信者)?から送信(?:されました|されています)
"""
"""The patterns of the fixed texts, one on each line. An indented line continues the line above it.
Words in capitals stand for the patterns in `_SLOTS`."""
_MAILMAN = (
    r"_{20,}\s*(?P<list>[\w.+-]{1,64}) mailing list(?:\s*--)?\s+(?P=list)@[\w.-]{1,200}"
    r"(?:\s+to unsubscribe send an email to (?P=list)-leave@[\w.-]{1,200}|\s+https?://\S{1,500})?"
)
"""Matches the footer of Mailman. The address must repeat the name of the list, so a sentence of the
author cannot match."""
_CJK = r"[\u4e00-\u9fff]"


def _compiled(form: str) -> str:
    """Return a form as a pattern: with its slots filled, and with any white space for a blank."""
    for slot, pattern in _SLOTS.items():
        form = form.replace(slot, f"(?:{pattern})")
    form = re.sub(rf"(?<={_CJK})(?={_CJK})", r"\\s*", form)
    return _spaced(form.replace(" ?", r"\s*"))


def _spaced(form: str) -> str:
    return form.replace(" ", r"\s+")


_END = r"[*|\]】⚠\ufe0f🛑❗‼ ]*(?:(?:(?<=[.!])|[.!]+)(?=\s|\Z)|:?(?=\n|\Z))"
"""Matches the end of a line or of a sentence. A fixed text must end there."""


@functools.cache
def _texts() -> re.Pattern[str]:
    """Return the pattern that matches a fixed text. It is compiled at its first use."""
    forms = _FIXED.strip().replace("\n    ", " ").split("\n")
    one_of = "|".join(map(_compiled, forms))
    return re.compile(rf"(?:{_spaced(_MAILMAN)}|{one_of}){_END}", re.IGNORECASE)


_RULE = re.compile(r"[-_=~*#─━ ]{2,}(?=\n|\Z)")
_ORIGINS = (
    r"(?:ext|extern|externe?r?(?: absender| e-?mail)?|"
    r"external(?:[ -](?:e-?mail|mail|sender|message))?|"
    r"ext-mail|outside|caution|(?:caution|warning)[: ]+external|expéditeur externe|"
    r"courriel externe|externo|社外|外部メール|外部|"
    r"外部邮件|外部郵件|外来邮件|外來郵件|外部发件人|外部寄件人|外部寄件者)"
)
_SPAM = (
    r"(?:(?:suspected |possible |probable )?(?:spam|junk|bulk)(?: mail)?\??"
    r"(?:\s*\(?[0-9]{1,2}(?:\.[0-9]{1,2})?\)?)?|(?:疑似)?(?:垃圾邮件|垃圾郵件))"
)
_SIGNS = r"[\s⚠\ufe0f🛑❗‼]{0,5}"
_DECOR = r"[\s⚠\ufe0f🛑❗‼🔔📧✉|]{0,9}"
TAG = re.compile(
    rf"{_DECOR}[\[【［〔<{{(（*]+{_SIGNS}{_ORIGINS}\s*[:：!！]?{_SIGNS}[\]】］〕>}})）*]+\s*[:：-]?\s*",
    re.IGNORECASE,
)
"""Matches a tag such as `[EXT]` at the beginning of a text: the mail comes from outside."""
SUBJECT_TAG = re.compile(
    rf"{_DECOR}(?:[\[【［〔<{{(（*]+{_SIGNS}(?:{_ORIGINS}|{_SPAM})\s*[:：!！]?{_SIGNS}[\]】］〕>}})）*]+\s*[:：-]?|"
    rf"(?:ext|extern|external(?: (?:e-?mail|mail|sender|message))?|外部邮件|外部郵件)\s*[:：])\s*",
    re.IGNORECASE,
)
SUBJECT_TAG_LAST = re.compile(rf"\s*[\[【［〔(（]\s*{_ORIGINS}\s*[\]】］〕)）]\s*\Z", re.IGNORECASE)

# ------------------------------------------------------------------------------ notices


_Form = tuple[str, str]
"""Two patterns: how a sentence begins, and what it must contain. A blank stands for any white
space. The patterns are compiled at their first use."""


class _Topic(Enum):
    """What a notice is about."""

    ORIGIN = auto()
    SECRET = auto()


@dataclass(frozen=True, slots=True)
class _Language:
    """The notices of one language.

    `origin` are notices about the origin of a mail. `care` are sentences that count only after such
    a notice. `secret` are notices about confidentiality and viruses. `duty` are sentences that
    count only after such a notice. `words` are all words that a notice may contain.
    """

    origin: tuple[_Form, ...]
    care: tuple[_Form, ...]
    secret: tuple[_Form, ...]
    duty: tuple[_Form, ...]
    words: frozenset[str]


@functools.cache
def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(_spaced(form), re.IGNORECASE)


_M = r"(?:e-?mail|mail|message|communication|transmission)"
_FILES = (
    r"(?:,? (?:and|or|including|together with)(?: any| all| its| the)*"
    r"(?: attached)? (?:files?|attachments?|documents?)"
    r"(?: transmitted with it| attached(?: to it| hereto)?| hereto| thereto)?,?"
    r"| \(including any attachments\))?"
)
_ENGLISH = _Language(
    (
        (
            rf"th(?:is|e) {_M}{_FILES} (?:was sent|was received|was delivered|is|comes?|came|"
            r"is coming|originate[sd]|arrived|(?:has|have|may have) (?:originated|come|been sent|"
            r"been received|arrived))(?: to you)?(?: from| by)?(?: an?| the)? "
            r"(?:outside|external|untrusted|unknown|unverified)\b",
            r".",
        ),
        (
            rf"(?:the |this )?sender(?: of this {_M})? is "
            r"(?:from |located )?(?:outside|external|not (?:from )?(?:within|inside))\b",
            r"organi[sz]ation|company|network|domain|institution",
        ),
        (
            rf"you (?:have |just )?(?:received|got) (?:an?|this) (?:external )?{_M} "
            r"(?:from|originating from)\b",
            r"outside|external",
        ),
        (rf"this is an external {_M}\b", r"."),
        (rf"external {_M}\b", r"caution|care\b|links?\b|attachments?\b"),
    ),
    (
        (
            r"(?:please )?(?:do not|don't|never|avoid) (?:click|open|follow|reply|respond|download|"
            r"clicking|opening)\b",
            r"links?\b|attachments?\b|sender",
        ),
        (
            r"(?:please )?(?:exercise|use|take|apply|be|proceed with)\b",
            r"caution\b|links?\b|attachments?\b",
        ),
        (r"(?:please )?(?:report|forward) (?:any |all )?(?:suspicious|phishing)\b", r"."),
        (
            r"if (?:you (?:are unsure|suspect|are in doubt|have any (?:doubts?|concerns?)|believe)|"
            r"in doubt|unsure)\b|when in doubt\b",
            r"phishing|suspicious|helpdesk|help desk|service desk|security|department",
        ),
        (r"you (?:have not|haven't) previously corresponded with this sender", r"."),
    ),
    (
        (
            r"(?:(?:the|all|any) (?:information|contents?)(?: contained| transmitted| included)? "
            rf"(?:in|of|with|by) )?th(?:is|e) (?:e-?mail )?{_M}{_FILES} "
            r"(?:is|are|may|contains?|and)\b",
            r"confidential|privileged|intended|proprietary",
        ),
        (
            r"if you (?:are not|aren't|have received|received|receive|were not|have)\b",
            r"intended|named|addressee|in error|by mistake|erroneously|mistakenly",
        ),
        (
            r"(?:any|the|all)(?: other)?(?: unauthori[sz]ed| form of)? (?:review|use|disclosure|"
            r"dissemination|distribution|copying|publication|reproduction|retransmission|"
            r"unauthori[sz]ed|forwarding)\b|unauthori[sz]ed (?:use|review|disclosure|dissemination|"
            r"distribution|copying|access)\b",
            r"prohibited|forbidden|unlawful|not permitted|not allowed|not authori[sz]ed",
        ),
        (
            rf"th(?:is|e) {_M}{_FILES} (?:has|have|was|is)(?: been)?(?: automatically)? "
            r"(?:scanned|checked|swept|cleaned|verified|tested)\b",
            r"virus|malware|spam|clean|threat|security",
        ),
        (r"(?:any |the )?(?:views|opinions)\b", r"author|sender"),
        (
            r"computer viruses can be transmitted\b|the recipient should check\b|"
            r"although (?:we have|the company has) taken reasonable\b|"
            r"(?:the company|the sender|we) (?:accepts?|(?:do|does) not accept|cannot accept)\b",
            r"virus",
        ),
    ),
    (
        (
            r"you (?:are hereby notified|(?:should|must|may) not)\b",
            r"disclos|disseminat|distribut|copying|copy\b|prohibited",
        ),
        (
            r"(?:please |kindly )?(?:notify|inform|contact|advise) the sender\b|"
            r"(?:please )?(?:delete|destroy|erase) "
            rf"(?:it|(?:this|the(?: original)?) {_M}|all copies)\b",
            r".",
        ),
    ),
    frozenset(
        """
    a an the this that these those it its which who whom whose and or nor but and/or of in on at
    by from to for with without within inside outside as if unless before after when while until
    is are was were be been being may might can could cannot must should shall will would has
    have had do does did not no never any all each every other others some such only also you
    your yours we us our they their itself e e-mail email e-mails emails mail message messages
    communication transmission document documents file files attachment attachments attached
    annex annexes information content contents data material materials herein hereof hereto
    thereto thereof therein hereby link links hyperlink hyperlinks url urls website websites
    source sources sender senders recipient recipients recipient(s) addressee addressees
    individual individuals person persons entity entities party parties organization
    organisation organizations company corporation group network domain institution university
    system systems computer intended named listed above below address addressed addresses sole
    solely exclusive exclusively use used uses using strictly legally highly otherwise
    confidential confidentiality private privileged privilege proprietary protected secret law
    applicable exempt disclosure disclose disclosed disclosing disseminate dissemination
    distribute distributed distribution copy copies copied copying review reviewed retransmit
    retransmission reproduce reproduction publication publish print printing forward forwarding
    forwarded read reading rely reliance retain storage taking whole total partial totally
    partially unauthorized unauthorised authorized authorised authorization authorisation
    prohibited forbidden unlawful permitted allowed including limited received receive receiving
    error mistake mistakenly erroneously notify notified notifying inform advise contact
    immediately promptly once return reply replying phone telephone delete deleted deleting
    destroy erase remove permanently please kindly then therefore so thank thanks hereinafter
    contain contains contained responsible delivering delivery agent employee original
    transmitted sent send sending originated originates originating origin comes come came
    coming arrived external untrusted unknown unverified unexpected unfamiliar suspicious
    phishing fraudulent malicious caution cautious care careful carefully extra extreme exercise
    take wary click clicking clicks open opening follow following respond responding download
    downloading enable provide enter credentials password passwords recognize recognise know
    knows trust trusted trusts expect expecting expected sure certain confirm confirmed verify
    verified verifying validate identity legitimate legitimacy authenticity safe safety security
    secure suspect doubt unsure concerned concerns report reporting help helpdesk desk service
    department team button treat consider think scan scanned checked check swept cleaned tested
    virus viruses virus-free malware spam threats threat dangerous harmful clean believed found
    free software antivirus anti-virus mailscanner avast avg eset symantec messagelabs mimecast
    proofpoint sophos kaspersky mcafee barracuda trend micro cisco fortinet forcepoint microsoft
    defender bitdefender clamav norton cloud endpoint gateway automatically via views view
    opinions opinion expressed presented author authors necessarily represent reflect liability
    liable responsibility accept accepts loss damage arising caused resulting reasonable
    precautions ensure present presence although previously corresponded way form manner kind
    purpose subject based upon hereinabove through per under out made display name actual
    internal proceed s don't aren't doesn't isn't hereunder may's than alert manager
    administrator someone matching similar known yourself inbox appropriate delay alter altered
    corrupted lost destroyed late incomplete intercepted guaranteed internet transmissions
    error-free errors omissions there problems originator alteration
    """.split()
    ),
)
_GM = r"(?:e-?mail|mail|nachricht)"
_GERMAN = _Language(
    (
        (
            rf"(?:diese|die) {_GM} (?:stammt|kommt|kam|wurde|ist)\b",
            r"extern|au(?:ß|ss)erhalb",
        ),
        (
            rf"(?:der |dieser )?absender(?: dieser {_GM})? (?:ist|befindet|kommt|stammt|gehört)\b",
            r"extern|au(?:ß|ss)erhalb|nicht (?:teil|mitglied|innerhalb)",
        ),
        (
            r"extern(?:e|er) (?:e-?mail|mail|nachricht|absender)\b",
            r"links?\b|anhäng|vorsicht|anlagen",
        ),
    ),
    (
        (
            r"(?:bitte )?(?:klicken|öffnen|folgen|prüfen|seien) sie\b|"
            r"bitte (?:keine|nicht|vorsicht|öffnen|klicken)\b|vorsicht\b|keine\b",
            r"links?\b|anhäng|anlagen|vorsichtig",
        ),
    ),
    (
        (
            r"(?:(?:der inhalt|die inhalte|die information(?:en)?(?: in)?) )?"
            rf"(?:dieser?|die) {_GM}\b",
            r"vertraulich|geschützt|bestimmt|privilegiert",
        ),
        (
            r"(?:wenn|falls|sollten|sind|haben) sie\b",
            r"adressat|empfänger|irrtümlich|versehentlich|irrtum",
        ),
        (
            r"(?:das|die|der|jeder?|jeglicher?)(?: form der)? (?:unerlaubte|unbefugte|"
            r"unberechtigte|zugriff|weitergabe|nutzung|verwendung|vervielfältigung|verbreitung|veröffentlichung|"
            r"weiterleitung)\b",
            r"gestattet|untersagt|verboten|unzulässig|erlaubt",
        ),
        (rf"diese {_GM} wurde\b", r"vir(?:en|us)|malware|schadsoftware"),
    ),
    (
        (
            r"(?:bitte )?(?:informieren|benachrichtigen|verständigen|löschen|vernichten) sie\b|"
            r"wir bitten sie\b",
            r"absender|mail|nachricht",
        ),
        (r"sie ist\b", r"bestimmt"),
    ),
    frozenset(
        """
    bezeichneten der die das den dem des ein eine einer eines einem einen dieser diese dieses
    diesem diesen und oder und/oder bzw sowie noch auch nur nicht kein keine keinen keiner alle
    aller allen jede jeder jedes jegliche jeglicher in im an am auf aus bei mit nach von vom zu
    zum zur für durch über unter vor ohne außerhalb ausserhalb innerhalb ist sind war wurde
    wurden worden werden wird kann können könnte darf dürfen soll sollen sollte sollten hat
    haben sein seien enthält enthalten enthaltene enthaltenen kommt stammt kam befindet gehört
    sich wenn falls dass da es sie ihr ihre ihrem ihren ihrer uns unser unsere unserer unserem
    wir bitte vielen dank e-mail email mail mails e-mails nachricht nachrichten information
    informationen inhalt inhalte inhalten anhang anhänge anhängen anlage anlagen datei dateien
    angehängte angehängten beigefügte beigefügten link links vertraulich vertrauliche
    vertraulichen vertraulicher rechtlich gesetzlich geschützt geschützte geschützten
    privilegiert ausschließlich ausschliesslich allein bestimmt bestimmte bestimmten vorgesehen
    vorgesehene vorgesehenen beabsichtigte beabsichtigten richtige richtigen genannte genannten
    bezeichnete adressat adressaten adressatin empfänger empfängers empfängerin person personen
    irrtümlich irrtümlicherweise versehentlich irrtum fehler fehlerhaft erhalten erhielten
    bekommen empfangen informieren benachrichtigen verständigen kontaktieren sofort umgehend
    unverzüglich absender absenders absenderin vernichten löschen löschung system kopie kopien
    kopieren unerlaubt unerlaubte unbefugt unbefugte unbefugten unberechtigt unberechtigte
    weitergabe weitergeben nutzung nutzen verwendung verwenden verwendet vervielfältigung
    verbreitung verbreiten veröffentlichung weiterleitung weiterleiten gestattet untersagt
    verboten unzulässig erlaubt strengstens ausdrücklich klicken öffnen öffnet folgen vorsicht
    vorsichtig externen externe externer externem extern unbekannt unbekannte unbekannten
    unbekanntem organisation unternehmen unternehmens firma konzern netzwerk netzwerks gesendet
    versendet kennen erkennen vertrauen vertrauenswürdig sicher sicherheit inhalts prüfen
    überprüfen geprüft gescannt überprüft viren virus schadsoftware malware frei antivirus
    antivirus-software software avast avg eset sophos kaspersky avira sei denn bevor verdächtig
    verdächtige verdächtigen melden it it-abteilung helpdesk enthaltenden hiermit jedoch so dann
    telefonisch per rückantwort antwort-mail dritte dritten art form weise nicht-x absendern
    dessen vertreter beachten kenntnisnahme fall verbindung setzen bitten möglicherweise
    personenbezogen unmittelbar auszudrucken computer rechner erfolgt rechtswidrig zulässig
    darüber seiner ihres netzes hauses adresse fällen sofern sonst unerlaubten leiten teil
    mitglied etwaige etwaigen adressfeld ausgewiesenen darin zugriff wissen beim kurze andere
    anderen leser um als
    """.split()
    ),
)
_FM = r"(?:courriel|e-?mail|message|mail|courrier(?: électronique)?)"
_FRENCH = _Language(
    (
        (rf"(?:cet?|le) {_FM} (?:provient|vient|a été|est|émane)\b", r"extérieure?|externe"),
        (rf"l'expéditeur(?: de ce {_FM})? (?:est|n'est|ne|se)\b", r"extérieure?|externe"),
    ),
    (
        (
            r"(?:veuillez |merci de )?(?:ne (?:cliquez|pas cliquer|cliquer|pas ouvrir)|n'ouvrez|"
            r"soyez|faites preuve)\b",
            r"liens?\b|pièces? jointes?|prudente?|vigilante?|prudence|vigilance",
        ),
    ),
    (
        (
            rf"(?:le contenu de |les informations contenues dans )?(?:cet?|le) {_FM}\b",
            r"confidentiel|intention|destiné|destinataire",
        ),
        (r"si vous (?:n'êtes|avez|recevez|ne)\b", r"erreur|destinataire"),
        (
            r"toute (?:utilisation|diffusion|publication|reproduction|divulgation|copie|"
            r"modification|lecture|exploitation)\b",
            r"interdite|prohibée|autoris",
        ),
        (rf"(?:cet?|le) {_FM} a été (?:vérifié|analysé|contrôlé)\b", r"virus"),
        (r"l'absence de virus dans\b", r"vérifiée?"),
        (
            r"(?:l')?internet ne (?:permettant|pouvant|permet)\b|"
            r"(?:l'expéditeur|l'émetteur|la société|notre société) décline\b",
            _FM,
        ),
    ),
    (
        (r"(?:veuillez|merci de|nous vous prions|prière)\b", rf"expéditeur|{_FM}"),
        (rf"(?:si ce {_FM} vous a été|s'ils? ne vous (?:est|sont))\b", r"erreur|destiné"),
    ),
    frozenset(
        """
    le la les l un une des de du d à au aux en dans par pour sur sous sans avec et ou et/ou ni
    ne n pas plus que qu qui dont où si s il ils elle elles on vous votre vos nous notre nos ce
    cet cette ces c son sa ses leur leurs y est sont a ont été être êtes avez avoir peut peuvent
    pourrait doit doivent contient contenir contenant contenue contenues contenus provient vient
    émane courriel courriels e-mail email mail mails message messages courrier électronique
    électroniques pièce pièces jointe jointes fichier fichiers annexe annexes joint joints toute
    toutes tout tous information informations contenu confidentiel confidentielle
    confidentielles confidentiels confidentialité privilégié privilégiée privilégiées protégé
    protégée protégées légalement établi établis établie intention exclusive exclusif
    exclusivement uniquement seul seule seuls usage destiné destinée destinés destinées
    destinataire destinataires destination désigné désignés personne personnes entité reçu reçue
    recevez recevoir erreur merci veuillez bien vouloir prière prions avertir avertissant aviser
    informer prévenir contacter immédiatement aussitôt délai expéditeur émetteur retour détruire
    détruisez supprimer supprimez effacer système copie copies copier utilisation utiliser
    diffusion diffuser publication publier divulgation divulguer reproduction modification
    lecture exploitation totale partielle totalement partiellement non conforme autorisée
    autorisé autorisation expresse préalable interdite interdit interdites strictement
    formellement prohibée sauf externe externes extérieur extérieure extérieurs organisation
    société entreprise réseau groupe domaine envoyé cliquez cliquer ouvrez ouvrir lien liens
    reconnaître reconnaissez connaissez connaître confiance sûr sûre certain moins avant prudent
    prudente prudence vigilant vigilante vigilance faites preuve sécurité inconnu inconnue
    inconnus ci-après hormis aucun aucune permettant permet assurer intégrité internet décline
    responsabilité susceptible susceptibles cas aurait altéré modifié falsifié titre celui-ci
    celle-ci vérifié analysé contrôlé virus logiciel logiciels antivirus avast avg eset absence
    malveillant malveillants suspect suspects signaler soit soient même autre autres tiers ainsi
    lui afin telle tel adresse personnel soyez vérifiée vérifiés ayant caractère privé privés
    documents document signalons reproduire quelque manière transmis transmise informatique
    attachés attachée attaché expéditeurs d'ouvrir connu connue peut-être demandons adressé
    adressée adressés rigoureusement lire utilise autorisés personnelles est-il vérifier assurez
    provenance suspecte suspectes émanant répondre répondez identité éventuelles éventuels bon
    hypothèse correspondance joindre
    """.split()
    ),
)
_CHINESE = _Language(
    (
        (
            r"(?:此|本|该|該|这|這)封?(?:电子|電子)?(?:邮件|郵件|电邮|電郵|信件|来信|來信|消息|訊息)",
            r"外部|以外|之外",
        ),
        (
            r"(?:此|本|该|該|这|這)?(?:邮件|郵件)?的?(?:发件人|寄件人|發件人|寄件者)",
            r"外部|以外|之外",
        ),
        (
            r"外部(?:邮件|郵件|来信|來信|发件人|寄件人|寄件者)",
            r"请|請|谨慎|謹慎|注意|勿",
        ),
    ),
    (
        (
            r"(?:请|請)?(?:您|你)?(?:谨慎|謹慎|小心|勿|切勿|不要|注意)(?:点击|點擊|点选|點選|打开|"
            r"打開|开启|開啟|下载|下載|随意|隨意|轻易|輕易)",
            r"链接|鏈接|連結|附件",
        ),
        (
            r"(?:请|請)(?:您|你)?(?:谨慎|謹慎|小心|注意)(?:处理|處理|核实|核實|确认|確認|信息安全|資訊安全)",
            r".",
        ),
    ),
    (
        (
            r"(?:此|本|该|該|这|這)封?(?:电子|電子)?(?:邮件|郵件|电邮|電郵|信件|消息|訊息)",
            r"保密|机密|機密|收件人|病毒",
        ),
        (
            r"(?:如果?|若|倘若|假如)(?:您|你|阁下|閣下)?(?:并非|並非|不是|非|错|錯|误|誤|意外)",
            r"收件人|收件者|(?:错|錯|误|誤)误?誤?地?(?:收|接收)",
        ),
        (
            r"(?:严禁|嚴禁|禁止|未经|未經|任何)(?:任何|授权|授權|许可|許可|其他|人)",
            r"邮件|郵件",
        ),
    ),
    (
        (
            r"(?:并|並)?(?:请|請|敬请|敬請)(?:您|你)?(?:立即|马上|馬上|及时|及時|即刻)?"
            r"(?:通知|告知|删除|刪除|销毁|銷毀|电话|電話)",
            r"发件人|寄件人|發件人|寄件者|邮件|郵件",
        ),
    ),
    frozenset(
        """
此 本 该 該 这 這 封 电子邮件 電子郵件 电邮 電郵 邮件 郵件 信件 来信 來信 消息
訊息 发件人 發件人 寄件人 寄件者 发送者 發送者 发件者 来自 來自 来源 來源 是 由 为
為 系 係 于 於 自 从 從 公司 组织 組織 机构 機構 单位 單位 企业 企業 集团 集團
网络 網路 网域 網域 域名 域 系统 系統 外部 以外 之外 外 内部 內部 人员 人員
联系人 聯絡人 地址 邮箱 信箱 账号 帳號 账户 帳戶 发送 發送 发出 發出 寄出 传送
傳送 的 请 請 您 你 阁下 閣下 谨慎 謹慎 小心 注意 留意 点击 點擊 点选 點選 打开
打開 开启 開啟 下载 下載 回复 回覆 处理 處理 对待 對待 链接 鏈接 連結 附件 附档
其中 其 中 任何 可疑 未知 不明 陌生 和 或 及 与 與 以及 切勿 请勿 請勿 勿 不要
不 别 随意 隨意 轻易 輕易 随便 隨便 除非 确认 確認 确定 確定 核实 核實 核对 核對
身份 身分 真实性 真實性 真实 真實 安全 安全性 内容 內容 可信 可靠 信任 认识 認識
如有 疑问 疑問 联系 聯繫 聯絡 管理员 管理員 IT 部门 部門 服务台 服務台 警惕 警觉
警覺 谨防 謹防 防范 防範 钓鱼 釣魚 诈骗 詐騙 欺诈 风险 風險 以免 避免 受骗 并 並
且 而 后 後 再 前 时 時 对 對 在 了 到 保持 提高 所 有 含有 包含 包括 含
可能 可 能 保密 机密 機密 秘密 信息 資訊 资料 資料 仅 僅 仅限 僅限 仅供 僅供
专供 專供 只 限 限于 限於 给 給 上面 上述 以上 列出 指定 特定 个人 個人 或者
群组 群組 收件人 收件者 收信人 接收者 使用 阅读 閱讀 用途 严禁 嚴禁 禁止 其他 其它
人 人士 第三方 以 形式 方式 但 不限于 不限於 全部 部分 部份 地 泄露 洩露 泄漏
披露 复制 複製 散发 散發 传播 傳播 转发 轉發 分发 分發 公开 公開 如果 如 若 倘若
假如 错收 錯收 错误 錯誤 误收 誤收 误 誤 错 錯 收到 接收 并非 並非 不是 非 预期
預期 立即 马上 馬上 及时 及時 即刻 电话 電話 通知 告知 删除 刪除 销毁 銷毀 未经
未經 授权 授權 许可 許可 同意 擅自 不得 特此 谢谢 謝謝 合作 敬请 敬請 经 經 经过
經過 已 已经 已經 扫描 掃描 检测 檢測 检查 檢查 通过 通過 未 发现 發現 病毒 没有
沒有 无 無 软件 軟體 杀毒 殺毒 防病毒 其所 所有 副本 法律 保护 保護 受 用 於此
等 将 將 之 者 我们 我們 该等 甄别 甄別 辨别 辨別 识别 識別 发自 發自 透露 敏感
原 本人 该人
""".split()
    ),
)


@functools.cache
def _chinese_word() -> re.Pattern[str]:
    """Return the pattern that matches one word of a Chinese notice.

    After some words, such as the one for "from", the name of a company counts as a word.
    """
    words = "|".join(sorted(_CHINESE.words, key=len, reverse=True))
    company = r"(?:来自|來自|含有|包含)[\u4e00-\u9fffA-Za-z]{1,8}?(?:公司|集团|集團)"
    return re.compile(rf"[ ,;:()\"/]*(?:{company}|{words})[,;:()\"/]*", re.IGNORECASE)


_WORD = re.compile(
    r"[,;:()\"&*-]*(?P<word>(?:[^\W\d_]+(?:['/-](?=[^\W\d_]))?)*)(?:\(s\))?[,;:()\"&*]*"
)
_PARTS = re.compile(r"['/-]")
_NAME_AFTER = frozenset({"from", "of", "by", "outside", "von", "der", "de"})
_LABEL = re.compile(
    r"(?:caution|warning|attention|alert|important|notice|note|please note|disclaimer|"
    r"security (?:notice|warning)|external (?:e-?mail|mail|sender|message)|external|"
    r"confidentiality (?:notice|note|statement)|legal (?:notice|disclaimer)|"
    r"vorsicht|achtung|warnung|hinweis|wichtig|wichtiger hinweis|vertraulichkeitshinweis|"
    r"externe (?:e-?mail|mail|nachricht)|externer absender|"
    r"avertissement|prudence|mise en garde|avis de confidentialité|courriel externe|"
    r"注意|警告|提示|提醒|安全提示|安全提醒|温馨提示|溫馨提示|重要提示|声明|聲明|免责声明|免責聲明|"
    r"保密声明|保密聲明|外部邮件提醒|外部邮件|外部郵件提醒|外部郵件)[\]】*]*"
    r"\s*(?:[:!|.,]|-+|\n|/|(?=[\u4e00-\u9fff])|(?<=[*\]】]))[\s⚠\ufe0f*#|/-]*",
    re.IGNORECASE,
)
"""Matches a label before a notice, such as `CAUTION:`."""
_BEFORE = re.compile(r"[\s⚠\ufe0f🛑❗‼🔔📧✉*#|/\[【]*")
MOST_NAMES = 4
"""How many words of a sentence may be names of companies instead of words of the list."""
LONGEST_NOTICE = 1_500
"""How many words of one sentence are read."""

# ------------------------------------------------------------------------------ the search


def without_additions(text: str) -> tuple[list[str], str]:
    """Return the lines of the author, and the text of the additions above and below them.

    Blanks around each line and characters of zero width are removed.
    """
    lines = [line.strip() for line in text.translate(HIDDEN).strip().split("\n")]
    complete = "\n".join(lines)
    same = complete.translate(_SAME)
    begin = _end_of_additions(same[:MOST_ADDED], 0)
    starts, place = list[int](), 0
    for line in lines:
        if line and place >= max(begin, len(same) - MOST_ADDED):
            starts.append(place)
        place += len(line) + 1
    end = next((one for one in starts[-MOST_LINES:] if _is_added(same, one)), len(same))
    return complete[begin:end].split("\n"), f"{same[:begin]}\n{same[end:]}"


def _is_added(text: str, place: int) -> bool:
    """Whether only additions follow from this position on."""
    return not text[_end_of_additions(text, place) :].strip()


def _end_of_additions(text: str, place: int) -> int:
    """Return where the additions end that begin at this position. It is `place` if none begins."""
    topic = None
    for _ in range(MOST_ADDITIONS):
        first = place
        while place < len(text) and text[place].isspace():
            place += 1
        if text.count("\n", first, place) > 1:
            topic = None  # another paragraph
        found = _texts().match(text, place) or _RULE.match(text, place)
        if found is None and (found := TAG.match(text, place)) is not None:
            topic = _Topic.ORIGIN
        if found is not None:
            place = found.end()
        elif (notice := _notice(text, place, topic)) is not None:
            place, topic = notice
        else:
            return first
    return place


def _notice(text: str, place: int, topic: _Topic | None) -> tuple[int, _Topic | None] | None:
    """Return where the notice that begins here ends, and its topic; None if none begins here.

    `topic` is the topic of the previous notice in the same paragraph.
    """
    before = _BEFORE.match(text, place)
    place = before.end() if before is not None else place
    for first, about in _beginnings(text, place, topic):
        if (found := _texts().match(text, first)) is not None:
            return found.end(), about
        if (sentence := _sentence(text, first, about)) is not None:
            return sentence
    return None


def _beginnings(text: str, place: int, topic: _Topic | None) -> Iterator[tuple[int, _Topic | None]]:
    """Yield where a notice can begin, and its topic so far: here, and after a label here."""
    yield place, topic
    if (label := _LABEL.match(text, place)) is not None:
        yield label.end(), topic or _Topic.ORIGIN


def _sentence(text: str, place: int, topic: _Topic | None) -> tuple[int, _Topic] | None:
    """Return where the sentence of a notice ends, and its topic; None if none begins here."""
    for language in (_ENGLISH, _GERMAN, _FRENCH, _CHINESE):
        end: int | None = None
        for of, forms in (
            (_Topic.ORIGIN, language.origin),
            (_Topic.ORIGIN, language.care if topic is _Topic.ORIGIN else ()),
            (_Topic.SECRET, language.secret),
            (_Topic.SECRET, language.duty if topic is _Topic.SECRET else ()),
        ):
            for begins, needs in forms:
                if _pattern(begins).match(text, place) is None:
                    continue
                if end is None:
                    end = (
                        _end_of_chinese(text, place)
                        if language is _CHINESE
                        else _end_of_words(text, place, language.words)
                    )
                if end is None:
                    break
                if _pattern(needs).search(text, place, end) is not None:
                    return end, of
    return None


def _end_of_words(text: str, place: int, words: frozenset[str]) -> int | None:
    """Return where a sentence ends that has only these words and a few names of companies.

    A sentence ends at a full stop or at the end of a paragraph. It ends at the end of a line, too,
    unless the line seems to be wrapped within the sentence. If another word comes after a wrapped
    line, the sentence ends with that line. If it comes before, the result is None.
    """
    line, names, is_name, previous = _line_of(text, place), 0, False, ""
    at_line: int | None = None
    for _ in range(LONGEST_NOTICE):
        found = _WORD.match(text, place)
        word = found["word"] if found is not None else ""
        if word and not _is_known(word.lower(), words):
            may_be_name = word[0].isupper() and (is_name or previous in _NAME_AFTER)
            names += 1
            if not may_be_name or names > MOST_NAMES:
                return at_line
            is_name = True
        elif word:
            is_name = False
        previous = word.lower()
        place = found.end() if found is not None else place
        rest = text[place : place + 1]
        if rest in (".", "!"):
            place = _after_stop(text, place)
            return place if text[place : place + 1].strip() == "" else at_line
        if rest in ("", "\n"):
            following = text[place + 1 : place + 2]
            broken = following.islower() or place - line >= WRAPPED
            if rest == "" or following in ("", "\n") or not broken:
                return place
            at_line, line = place, place + 1
        if rest.strip():
            return at_line
        place += 1
    return None


def _line_of(text: str, place: int) -> int:
    """Return where the line begins that contains this position."""
    return text.rfind("\n", 0, place) + 1


def _after_stop(text: str, place: int) -> int:
    """Return the position after the full stops and exclamation marks that end a sentence here."""
    while text[place : place + 1] in (".", "!", "*"):
        place += 1
    return place


def _is_known(word: str, words: frozenset[str]) -> bool:
    return word in words or all(one in words for one in _PARTS.split(word))


def _end_of_chinese(text: str, place: int) -> int | None:
    """Return where a Chinese sentence ends that has only the words of notices, or None.

    It ends in the same places as in `_end_of_words`.
    """
    line, at_line = _line_of(text, place), None
    for _ in range(LONGEST_NOTICE):
        if (found := _chinese_word().match(text, place)) is not None:
            place = found.end()
            continue
        rest = text[place : place + 1]
        if rest in (".", "!"):
            return _after_stop(text, place)
        if rest in ("", "\n"):
            following = text[place + 1 : place + 2]
            if rest == "" or following in ("", "\n") or place - line < WRAPPED_CHINESE:
                return place
            at_line, line = place, place + 1
            place += 1
            continue
        return at_line
    return None
