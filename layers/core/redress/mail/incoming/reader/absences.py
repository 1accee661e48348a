"""Recognise texts of auto-responders, which only say that somebody is away.

Every clause of such a text must be a usual one: a greeting, thanks, the absence, the return, a
later answer, whom to ask instead, or a closing formula. If any other clause is in the text, such as
an order number, a complaint or a demand, a person wrote it. People also write that they are away,
for example about an appointment. So a text is enough by itself only if it says that it is
automatic, or if it also says what will happen to the mail, such as a later answer. If in doubt, the
text is a person's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 800
"""The most characters of a text of an auto-responder."""

_DAY = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|"
    r"(?:下|本|这|這)?(?:周|週|星期|礼拜|禮拜)[一二三四五六日天末])"
)
_MONTH = (
    r"(?:jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|févr(?:ier)?|mar(?:ch|s)?|märz|apr(?:il)?|avril|"
    r"may|mai|june?|juni|juin|july?|juli|juillet|aug(?:ust)?|août|sept?(?:ember|embre)?|"
    r"o[ck]t(?:ober|obre)?|nov(?:ember|embre)?|de[cz](?:ember)?|décembre)(?:\.(?= ?\d))?"
)
_TIME = re.compile(
    rf"(?<=\bin ){_MONTH}(?!\w)|"
    rf"(?:\d{{4}}[-/.年]\d{{1,2}}[-/.月]\d{{1,2}}[日号號]?|\d{{1,2}}[-/.]\d{{1,2}}(?:[-/.](?:\d{{4}}|\d\d))?|"
    rf"\d{{1,2}}月(?:\d{{1,2}}[日号號]?)?|\d{{1,2}}[日号號]|\d{{1,2}}:\d\d(?: ?[ap]m)?|"
    rf"\d{{1,2}} ?(?:am|pm|uhr|点|點)|"
    rf"\d{{1,2}}(?:st|nd|rd|th|er|\.)? ?(?:of )?{_MONTH}(?:,? \d{{4}})?|"
    rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|{_DAY}|"
    r"(?:today|tomorrow|tonight|next (?:week|month|year)|this (?:week|month)|"
    r"the (?:rest|end) of the (?:week|month|year)|christmas|new year|easter|"
    r"heute|morgen|(?:nächste|kommende|diese)[rn]? (?:woche|monat)|"
    r"aujourd'hui|demain|(?:la semaine|le mois) prochaine?)(?!\w)|"
    r"明天|后天|後天|今天|今日|下周|下週|下个?月|下個月|本周|本週|这周|這週|月底|年底|年后|年後|"
    r"春节|春節|国庆|國慶|元旦|五一|十一|中秋|端午|节后|節後)"
)
_TIMES = re.compile(
    r"(?:\d{1,2}\.? ?(?:to|until|bis|au|[-–至到]) ?)?~(?:[ ,(]{0,3}(?:(?:to|until|till|through|and|the|bis|und|den|zum|au|et|le|du|inclusive|"
    r"[-–—至到和与~]|上午|下午|早上|晚上|中午)[ ,]{0,3}){0,3}~\)?)*"
)
_PERIOD = re.compile(
    r"(?:\d{1,2}|a|one|two|three|four|few|a few|ein|einen|zwei|drei|une?|deux|trois|[一两兩二三四五六几幾])"
    r" ?(?:business |working |werk)?(?:hours?|days?|weeks?|months?|tage?n?|wochen?|jours?|semaines?|"
    r"[个個]?(?:小时|小時|工作日|天|周|星期|月))(?!\w)"
)
_MAIL_ADDRESS = re.compile(r"<?[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}>?")
_PHONE = re.compile(r"(?<![a-z0-9])(?:\+|\(0)?\d[\d \-/()]{5,20}\d(?![a-z0-9])")
_ENDS = re.compile(
    r"[.。!,;:~…\n]+(?!\d)|(?:\s|\A)(?:and|but|so|und|aber|et|mais)(?=\s)|(?:并且|並且|但是?)"
)
_ASKED = re.compile(r"[?？]")

_MAIL = r"(?:e-?mails?|mails?|messages?|letters?|inquir(?:y|ies)|enquir(?:y|ies)|requests?)"
_SOON = (
    r"(?:(?:as soon as|when|once|after|until) i(?: a|')?m back|(?:as soon as|when|once|after|until) i "
    r"(?:return|get back|come back|can)|as soon as possible|(?:on|upon|after|until) my return|"
    r"after \^|on \^|within \^|in \^|by \^|from \^|then|later|shortly|soon|with (?:some |a )?delay|\^)"
)
_I = r"(?:i|we)"
_AM = r"(?:i am|i'm|we are|we're|i will be|i'll be|we will be|am|will be|is|are)"
_ADV = r"(?:currently|now|presently|at the moment|right now|unfortunately|still|temporarily)"
_AWAY = (
    r"(?:not in (?:the |my )?office|out of (?:the |my )?office|out|not at (?:work|my desk)|"
    r"away(?: on (?:a |an )?(?:holiday|vacation|business|leave|trip|business trip))?(?: from (?:my |the )?(?:desk|office|e-?mail|mail|computer|work))?|"
    r"on (?:my |an? )?(?:annual |summer |winter |sick |parental |maternity |paternity |family |"
    r"business |public )?(?:leave|vacation|holidays?|trip|travel)|travell?ing(?: abroad| on business)?|"
    r"abroad|unavailable|not available|not reachable|absent|off work|offline|off)"
)
_TAIL = (
    r"(?:(?:from|until|till|through|since|on|for|during|between|as of|starting|to|the|"
    r"(?:back|returning) (?:on )?)? ?\^|with (?:no|limited|little|restricted|only limited) access to "
    rf"(?:my |the )?(?:{_MAIL}|internet|inbox)|at the moment|right now|for the next \^|back \^)"
)
_URGENTLY = (
    r"(?:for|in|if|in case of|in the case of)(?: you have| it is| this is| there is)?(?: an?| any| all)?"
    r" (?:urgent|emergency|emergencies|immediate)(?: matters?| issues?| cases?| requests?| questions?|"
    r" assistance| help)?|if (?:it is|it's|this is|your (?:matter|request|mail|message) is) urgent|"
    r"if you (?:need|require) (?:immediate |urgent )(?:assistance|help|attention)"
)
_ENGLISH = (
    r"(?:hello|hi|greetings|good (?:morning|day|afternoon|evening))(?: there| all| everyone)?",
    r"dear (?:sir|madam|sir or madam|sir/madam|sender|customer|colleagues?|all|friends?)",
    rf"(?:many thanks|thanks|thank you)(?: very much| so much)?(?: in advance)?"
    rf"(?: for (?:your|the) (?:{_MAIL}|interest|patience|understanding|reply)(?: of \^)?|"
    r" for (?:contacting|writing to|e-?mailing)(?: me| us)?)?",
    rf"{_I} (?:have )?(?:received|got) your {_MAIL}|"
    rf"(?:confirming that )?your {_MAIL} (?:has been|was|is) received",
    rf"(?:{_I} (?:do not |don't |currently )?(?:have|will have) |with )?(?:no|limited|only limited|little|"
    rf"any) access to (?:my |the )?(?:{_MAIL}|inbox)(?: {_TAIL}){{0,2}}",
    rf"(?:{_I} )?(?:will|'ll|shall|expect to|plan to|am|be|am going to)(?: not)? (?:be )?(?:back|return(?:ing)?|"
    r"available|reachable|in (?:the |my )?office)(?: again)?(?: (?:to|in|at) (?:the |my )?(?:office|work|"
    r"desk))?(?: again)?(?: (?:on|from|by|after|around|at|in|as of|until|before))?(?: the)?(?: \^)?",
    r"(?:back|returning) (?:in the office )?(?:on |in )?\^",
    rf"(?:(?:i|we)(?= |'))? ?(?:will|'ll|shall|would|am going to)(?: then| gladly| be happy to| try to)? (?:reply|respond|"
    rf"answer|get back|write back|read|check|deal with|attend to|take care of|look at)(?: to)?"
    rf"(?: you| your {_MAIL}| all {_MAIL}| it| them| my {_MAIL})?(?: {_SOON}){{0,3}}",
    rf"(?:{_I} )?(?:cannot|can't|can not|am unable to|am not able to|will not be able to|won't be able to|"
    rf"may not be able to|will not|won't) (?:read|check|reply|respond|answer|receive|access)(?: to)?"
    rf"(?: you| your {_MAIL}| my {_MAIL}| {_MAIL})?(?: {_SOON}| immediately| right away| at once|"
    r" during this time){0,3}",
    rf"your {_MAIL} (?:will|is|are) (?:not )?(?:be )?(?:being )?(?:read|forwarded|answered)"
    rf"(?: automatically)?(?: {_SOON})?|{_SOON}",
    r"(?:please )?(?:expect|there (?:may|might|will) be|my (?:reply|response) (?:may|might|will) be) "
    r"(?:some |a )?(?:delays?|delayed|slow|late)(?: in (?:my )?(?:reply|response)(?:ing)?)?",
    _URGENTLY,
    rf"(?=[^#@]{{0,200}}[#@])(?:(?:{_URGENTLY}) )?(?:please |kindly |you (?:can|may) )?(?:contact|call|phone|e-?mail|mail|write to|reach|"
    r"get in touch with)(?: (?:my|our|the) (?:colleagues?|assistant|secretary|office|team|deputy|manager|"
    r"reception))?(?: [^\W\d_]{2,15}){0,2}(?: (?:at|on|by|via|under|or|#|@)){1,5}",
    rf"(?:(?:{_URGENTLY}) )?(?:please |kindly |you (?:can|may) )?(?:contact|call|phone|write to) (?:my|our|the) (?:colleagues?|"
    r"assistant|secretary|office|team|deputy|manager|reception)(?: [^\W\d_]{2,15}){0,2}",
    r"(?:please |you (?:can|may) )?(?:call|contact|reach) me (?:on|at|by)(?: my)?(?: mobile| cell| phone)"
    r"(?: at| on| under)?(?: #)?",
    r"(?:sorry|i apologi[sz]e|apologies|my apologies)(?: for)?(?: any| the)?(?: inconvenience| delay)?"
    r"(?: this may cause)?|thank you for your understanding|have a (?:nice|great|good) day|"
    r"happy holidays|merry christmas|happy new year",
)
_CLOSING = (
    r"(?:with |my )?(?:best|kind|kindest|warm)? ?(?:regards|wishes)|sincerely|(?:best|cheers|yours)|"
    r"yours (?:sincerely|truly|faithfully)|mit freundlichen grüßen|(?:mit )?(?:freundliche|beste|viele|"
    r"liebe|besten|vielen|lieben)(?:n)? grüßen?|mfg|(?:bien )?cordialement|bien à vous|"
    r"(?:祝[您你]?)?(?:好|商祺|安好|顺利|順利|工作顺利|工作順利|生活愉快|一切顺利|一切順利|节日快乐)|"
    r"此致|敬礼|敬禮|顺颂商祺|順頌商祺|顺祝商祺|順祝商祺",
)
_IHRE = r"(?:ihre|deine|eure) (?:e-?mails?|mails?|nachricht|anfrage)"
_GERMAN = (
    r"hallo(?: zusammen)?|guten (?:tag|morgen)|liebe kolleg(?:inn)?en|sehr geehrte(?:r)? (?:damen|herren)|"
    r"(?:damen|herren)",
    rf"(?:vielen |herzlichen |besten )?dank(?: für {_IHRE}(?: vom \^)?| für ihr verständnis)?|danke(?: für {_IHRE})?",
    rf"ich habe {_IHRE} (?:erhalten|bekommen)|{_IHRE} (?:ist|habe ich) (?:ein)?ge(?:gangen|kommen|lesen)?|"
    rf"{_IHRE} wird (?:nicht )?(?:weitergeleitet|gelesen|bearbeitet)",
    r"(?:ich )?(?:bin |werde )?(?:ich )?(?:(?:ab|am|ab dem|am) )?(?:dem )?(?:\^ )?(?:bin ich )?wieder "
    r"(?:im (?:büro|haus|dienst)|erreichbar|da|für sie da|zurück)(?: (?:ab|am) \^)?(?: sein)?",
    rf"(?:ich )?(?:werde|kann)(?: ich)?(?: {_IHRE}| ihnen| dir| sie)?(?: erst)?(?: nicht)?(?: danach| dann|"
    r" nach meiner rückkehr| (?:am|ab|nach) \^| umgehend| sofort| so bald wie möglich| schnellstmöglich){0,2}"
    r" (?:beantworten|bearbeiten|lesen|antworten|melden)",
    r"ich (?:melde mich|antworte(?: ihnen)?|habe (?:keinen|nur eingeschränkten) zugriff auf meine (?:e-?mails|mails))"
    r"(?: danach| dann| nach meiner rückkehr| (?:am|ab|nach) \^| bei ihnen| wieder){0,3}",
    r"(?:(?:vom|bis|ab|am|zum|und) ){1,2}\^",
    r"in (?:dringenden fällen|dringenden angelegenheiten|eiligen fällen|notfällen)|bei (?:dringenden "
    r"(?:fragen|anliegen)|rückfragen)",
    r"(?:in dringenden fällen )?(?:wenden sie sich |kontaktieren sie |erreichen sie |schreiben sie )(?:bitte )?"
    r"(?:mich )?(?:an )?(?:meine[nr]? (?:kolleg(?:e|en|in|innen)|vertretung)|unser(?:e)? (?:team|büro)|mobil)?"
    r"(?: ?[^\W\d_]{2,15}){0,2}(?: ?(?:unter|per|an|oder)){0,2}(?: ?[#@]){0,2}",
)
_VOTRE = r"(?:votre|vos|ton|tes) (?:messages?|e-?mails?|mails?|courriels?)"
_FRENCH = (
    r"(?:bonjour|bonsoir)(?: (?:madame|monsieur|à tous))?|madame|monsieur|madame monsieur",
    rf"merci(?: beaucoup)?(?: (?:de|pour) {_VOTRE}| de votre compréhension)?",
    rf"j'ai (?:bien )?reçu {_VOTRE}|{_VOTRE} (?:a été|est) (?:bien )?reçu",
    r"(?:je )?(?:serai de retour|reviendrai|rentre(?:rai)?|de retour)(?: au bureau)?(?: (?:le|à partir du|à))?(?: \^)?",
    rf"(?:je )?(?:vous |te |ne |n')?(?:répondrai|recontacterai|pourrai (?:vous )?répondre|"
    rf"prendrai connaissance de|traiterai|lirai)(?: à)?(?: {_VOTRE})?(?: dès| à| après)?(?: que possible)?"
    r"(?: mon retour| le \^| \^)?|(?:dès|à) mon retour",
    r"je n'ai (?:pas|qu'un) accès(?: limité)? à (?:mes|ma) (?:mails|messages|e-mails|messagerie)",
    r"en cas d'urgence|pour toute urgence|si (?:c'est|votre demande est) urgente?",
    r"(?:vous pouvez |merci de |veuillez )?(?:contacter|joindre|appeler|écrire à)(?: (?:mon|ma|mes|notre) "
    r"(?:collègues?|assistante?|bureau|équipe))?(?: [^\W\d_]{2,15}){0,2}(?: (?:au|à|par|sur|ou)){0,2}(?: [#@]){0,2}",
)
_YOU = "[您你]"
_LETTER = r"(?:来信|來信|邮件|郵件|来函|來函|信件|电邮|電郵|来件|來件|消息|信息|邮箱|郵箱)"
_YOURS = rf"(?:{_YOU}的?)?{_LETTER}"
_ANSWER = r"(?:回复|回覆|回復|回信|答复|答覆|处理|處理|联系|聯繫|查看|查阅|查閱|阅读|閱讀|回)"
_LATELY = (
    r"(?:现在|現在|目前|最近|近期|暂时|暫時|这几天|這幾天|近日|正好|已经|已經|已|将|將|会|會|要|正在|正|在|"
    r"因为?|由于|由於|\^)"
)
_HOLIDAY = (
    r"(?:休假|度假|年假|放假|休息|请假|請假|外出|出差|出国|出國|旅行|旅游|旅遊|在外|在外地|"
    r"不在(?:办公室|辦公室|公司|国内|國內|岗位)?|离开(?:办公室|公司)?|離開(?:辦公室|公司)?|"
    r"[休请請度](?:年|病|产|婚|陪产)?假)"
)
_IF_URGENT = (
    rf"(?:如果?|若|倘若)?{_YOU}?[有遇]?(?:任何)?(?:紧急|緊急|急|要|重要)的?(?:情况|情況|事情|事务|事務|事项|"
    r"事項|事宜|需要|问题|事)?(?:需要?(?:处理|联系))?"
)
_CHINESE = (
    rf"(?:尊敬的|亲爱的|親愛的)?(?:客户|客戶|朋友|先生|女士|同事)?{_YOU}?(?:好|们好|們好)|大家好|{_YOU}",
    rf"(?:我|本人|我们|我們)?(?:已经|已經|已)?(?:收到|收悉)了?{_YOURS}|"
    rf"{_YOURS}(?:我|我们)?(?:已经|已經|已)?(?:收到|收悉)了?",
    rf"(?:我|本人)?\^?(?:现在|目前|暂时|暫時|期间|期間|可能|将|將)*+(?:无法|無法|不能|未能|没法|沒法|没办法|"
    rf"不便|不方便)(?:及时|及時|立即|立刻|马上|馬上|亲自|親自|尽快|第一时间|地|给{_YOU}){{0,3}}"
    rf"{_ANSWER}(?:和|及|与|或)?{_ANSWER}?(?:{_YOURS}|{_YOU})?",
    r"(?:我|本人)?(?:预计|預計|大概|大约|计划)?(?:将|將|会|會)?(?:于|於|在)?\^?(?:左右|后|後|才|再|能){0,2}"
    r"(?:回来|回來|返回|返岗|归来|歸來|恢复|上班|复工|到岗|回到?(?:办公室|辦公室|公司|岗位|工作|国内)?)"
    r"(?:办公室|辦公室|公司|工作|上班)?(?:后|後|之后|以后|时)?",
    r"(?:待|等)?(?:我|本人)?(?:将|將)?在?(?:假期|休假|出差)(?:将|將|会)?(?:至|到|于|在)?\^?(?:结束|結束)?(?:后|後|之后|以后)?|"
    r"届时|屆時|到时候?|\^(?:后|後|之后|以后|起)?",
    rf"(?!(?:请|請|尽快|盡快|儘快|马上|馬上|立即|及时|尽早){{0,3}}{_ANSWER}\Z)(?:我|本人|我们|我們)?"
    r"(?:将|將|会|會|再|一定|届时|屆時|回来后?|回來後?|返回后|上班后|(?:在)?(?:假期|休假|出差)(?:结束|回来)?后|"
    rf"\^(?:后|後|之后)?|晚点|晚點|稍后|稍後|尽快|盡快|儘快|尽早|及时|及時|第一时间|第一時間|马上|馬上|立即|"
    rf"[给給与與和跟为為向对對]{_YOU}){{0,6}}{_ANSWER}(?:{_YOURS}|{_YOU}的?)?",
    _IF_URGENT,
    rf"(?:{_IF_URGENT})?(?:请|請|可|可以|{_YOU}可以?|敬请)?(?:直接)?(?:致电|致電|拨打|撥打|电话|電話|电|電|联系|聯繫|联络|聯絡|"
    r"发邮件至|发送邮件至|转发至)(?:我|我的)?(?:的)?(?:手机|手機|电话|電話|同事|助理|秘书|秘書|公司|办公室)?"
    r"[^\W\d_]{0,4}(?:联系|聯繫)? ?(?:[#@] ?){1,2}",
    rf"(?:{_IF_URGENT})?(?:请|請|可|可以|敬请|敬請)?(?:直接)?(?:联系|聯繫|联络|聯絡)我的?(?:同事|助理|秘书|秘書)[^\W\d_]{{0,4}}|(?:手机|电话|手機|電話) ?#",
    rf"(?:敬请|敬請|请|請|望|还望|還望|还请)?{_YOU}?(?:谅解|諒解|见谅|見諒|理解|原谅|等待|稍候|耐心等待)|"
    rf"(?:如?给{_YOU})?(?:带来|造成)的?不便|(?:非常)?(?:抱歉|对不起|對不起|不好意思)",
    rf"(?:谢谢|謝謝|多谢|感谢|感謝)(?:{_YOU})?(?:的)?(?:{_LETTER}|理解|支持|关注|谅解|联系)?",
)
_ABSENCE = (
    rf"(?:please note that |this is to inform you that |unfortunately )?(?:{_AM} )?(?:{_ADV} )?"
    rf"(?:{_AM} )?{_AWAY}(?: {_ADV})?(?: {_TAIL}){{0,4}}",
    r"(?:leider )?(?:bin )?(?:ich )?(?:bin )?(?:ich )?(?:leider |derzeit |zurzeit |zur zeit |momentan |aktuell |"
    r"(?:(?:vom|bis|ab|am|zum|bis zum|bis einschließlich|seit|im|in der) )?\^ ){0,4}"
    r"(?:im urlaub|in (?:elternzeit|urlaub|ferien)|nicht im (?:büro|haus|hause|dienst)|außer haus|"
    r"abwesend|nicht (?:erreichbar|da|anwesend)|auf (?:dienst|geschäfts)?reisen?|krank|unterwegs)"
    r"(?: (?:(?:vom|bis|ab|am|zum|bis zum|bis einschließlich) )?\^){0,2}",
    r"(?:je (?:suis|serai) |étant |actuellement )?(?:actuellement |momentanément |en ce moment )?"
    r"(?:absente?|en (?:congés?|vacances|déplacement|formation|voyage)|(?:hors|absente?) du bureau|"
    r"indisponible|pas au bureau)(?: (?:(?:du|jusqu'(?:au|à)|au|le|à partir du|depuis le|ce|cette|pour) ?)?"
    r"(?:\^|inclus)){0,3}",
    rf"(?:我|本人|我们|我們)?{_LATELY}{{0,5}}(?:我|本人)?{_LATELY}{{0,3}}{_HOLIDAY}{{1,2}}(?:中|期间|期間|了)?"
    r"(?:至|到|直到)?\^?(?:中|结束|結束|回来|回來|止)?",
)
_NOTICE = (
    r"(?:this is an? )?(?:automatic(?:ally generated)?|automated|auto)[ -]?(?:vacation |holiday |"
    r"out of office |e-?mail |mail )?(?:reply|response|message|e-?mail|answer)(?: to your \w{4,7})?|"
    rf"(?:please )?do not (?:reply|respond)(?: to this {_MAIL})?",
    r"(?:dies|das) ist eine automatische (?:antwort|nachricht|abwesenheitsnotiz)|automatische antwort|"
    r"abwesenheitsnotiz",
    r"ceci est (?:une réponse|un message) automatique|réponse automatique",
    r"(?:这是|這是|此为|此為|本邮件为|本郵件為|本邮件是)?(?:来自|來自)?(?:一封)?[^\W\d_]{0,8}(?:的)?(?:假期|休假|外出|系统|系統)?"
    r"(?:自动|自動)(?:回复|回覆|回復|答复|答覆|回信|发送|發送)的?(?:邮件|郵件|信息|消息)?|"
    r"请勿(?:直接)?回复(?:此邮件|本邮件)?",
)
_SAYS_AUTOMATIC = tuple(
    re.compile(one)
    for one in (
        r"(?:please note that )?this is an? (?:automatic(?:ally generated)?|automated|auto)[ -]?"
        r"(?:vacation |holiday |out of office |e-?mail |mail )?(?:reply|response|message|e-?mail|answer)"
        r"(?: to your \w{4,7})?",
        r"(?:dies|das) ist eine automatische (?:antwort|nachricht|abwesenheitsnotiz)",
        r"ceci est (?:une réponse|un message) automatique",
        r"(?:这是|這是|此为|此為|(?:本|此)(?:邮件|郵件)(?:为|為|是))(?:来自|來自)?(?:一封)?(?:我的?|本人的?)?"
        r"(?:qq|163|126|139|网易|網易|腾讯|騰訊|新浪|搜狐|阿里)?(?:邮箱|郵箱)?的?(?:一封)?(?:假期|休假|外出|系统|系統)?(?:的)?"
        r"(?:自动|自動)(?:回复|回覆|回復|答复|答覆|回信|发送|發送)的?(?:邮件|郵件|信息|消息)?",
    )
)
_AWAY_CLAUSES = tuple(re.compile(one) for one in _ABSENCE)
_ABOUT_MAIL = re.compile(
    rf"\b(?:reply|respond|response|answer|get back to|write back)\b|\byour {_MAIL}\b|"
    rf"\b(?:antworten?|beantworten)\b|\b{_IHRE}\b|répondr|\b{_VOTRE}\b|"
    rf"回复|回覆|回復|回信|答复|答覆|回{_YOU}|(?:收到|收悉|查看|查阅|查閱|阅读|閱讀|处理|處理){_YOURS}|"
    rf"{_LETTER}(?:我|我们)?(?:已经|已經|已)?(?:收到|收悉)|收到了{_YOURS}"
)
"""Matches clauses that say what happens to the mail, such as "I will reply when I am back"."""
_NOT_ABOUT_MAIL = re.compile(
    r"thank|dank|merci|谢|謝|do not|勿|自动|自動|automat|\bauto\b|urgent|emergenc|dringend|急"
)
_CALL = re.compile(
    r"#|致电|致電|电话|電話|拨打|撥打|手机|手機|\b(?:call|phone|mobile|cell|reach me)\b|"
    r"\bmobil\b|erreichen sie mich|appeler|joindre"
)
_STATED = (*_SAYS_AUTOMATIC, *(re.compile(one) for one in (*_ABSENCE, *_NOTICE)))
_USUAL = (
    *_STATED,
    *(re.compile(one) for one in (*_ENGLISH, *_GERMAN, *_FRENCH, *_CHINESE, *_CLOSING)),
)
_QQ = re.compile(r"qq(?=邮箱|郵箱)")


def is_absence(text: str, names: Iterable[str] = ()) -> bool:
    """Whether a text shows by itself that an auto-responder wrote it.

    The text must have only usual clauses. They must say that the text is automatic, or that the
    sender is away and what will happen to the mail, such as a later answer. A text that asks for a
    call is a person's, unless it says that it is automatic. `text` must not contain quoted mail.
    The text may be signed with one of `names`, the names of the sender.
    """
    clauses = _usual_clauses(text, names)
    if any(one.fullmatch(clause) for clause in clauses for one in _SAYS_AUTOMATIC):
        return True
    if any(_CALL.search(clause) for clause in clauses):
        return False
    away = any(one.fullmatch(clause) for clause in clauses for one in _AWAY_CLAUSES)
    return away and any(
        _ABOUT_MAIL.search(clause) and not _NOT_ABOUT_MAIL.search(clause) for clause in clauses
    )


def may_be_absence(text: str, names: Iterable[str] = (), *, calls: bool = True) -> bool:
    """Whether a text only says that the sender is away, or that the text is automatic.

    People also write such texts, so the result counts only together with another sign. If `calls`
    is False, a text with a phone number or a request for a call does not count. The other
    parameters are those of `is_absence`.
    """
    clauses = _usual_clauses(text, names)
    return bool(clauses) and (calls or not any(_CALL.search(clause) for clause in clauses))


def _usual_clauses(text: str, names: Iterable[str]) -> list[str]:
    """Return the clauses of a text; [] if a clause is not usual.

    The result is also [] if no clause says that somebody is away or that the text is automatic.
    """
    if len(text) > 2 * LONGEST or _ASKED.search(text):
        return []
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'").strip()
    if not plain or len(plain) > LONGEST:
        return []
    plain = _with_marks(plain)
    signed = {" ".join(one.lower().split()) for one in names} | {""}
    clauses = [" ".join(one.split()).strip(" -–—*()\"'") for one in _ENDS.split(plain)]
    clauses = [one for one in clauses if one not in signed]
    stated = any(one.fullmatch(clause) for clause in clauses for one in _STATED)
    usual = stated and all(any(one.fullmatch(clause) for one in _USUAL) for clause in clauses)
    return clauses if usual else []


def _with_marks(plain: str) -> str:
    """Replace each time in a text by `^`, each phone number by `#` and each mail address by `@`."""
    plain = re.sub(r"[\^#@](?!\w)", " ", plain)
    plain = _MAIL_ADDRESS.sub(" @ ", plain)
    plain = _PERIOD.sub("~", _TIME.sub("~", plain))
    plain = _TIMES.sub("~", plain).replace("~", "^")
    plain = _PHONE.sub(" # ", plain)
    return _QQ.sub("", re.sub(r"(?<=[\u3400-\u9fff^]) +(?=[\u3400-\u9fff^])", "", plain))
