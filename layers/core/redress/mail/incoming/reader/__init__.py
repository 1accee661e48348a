"""Read the bytes of any mail into values with what the product needs to know.

    parsing.parse(raw)        -> mail.ParsedMail: people, text, safe HTML, attachments, defects
    folding.parts_of(text)    -> the parts of a text that are quotes, forwards, signatures, ...
    machines.kind_of(mail)    -> the kind of a mail that no person wrote: bounce, auto-reply, list
    clues.numbers_in(subject) -> the ticket numbers in a subject
    clues.forwarded(mail)     -> the mail that this one forwards
    verdicts.verdicts(mail)   -> what SES found about the sender, from the headers of SES only

The reader is pure: it uses no store, network or clock. Its time and memory are bounded for any
input (`limits`). It needs libraries that only `functions/inbound` carries, so no other function may
import it.
"""
