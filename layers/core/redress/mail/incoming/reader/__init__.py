"""Any mail of the world, as bytes, to a value that says what the product needs of it.

    parsing.parse(raw)            -> mail.Mail: who, what, when, text, clean HTML, attachments, defects
    folding.fold(text)            -> the sender's new words, apart from quotes and signatures
    machines.kind_of(mail)        -> what no person wrote: bounces, auto-replies, lists, receipts
    clues.numbers_in(subject)     -> ticket numbers that it names; also whose words are forwarded
    verdicts.verdicts(mail)       -> what SES found about the sender, from its own headers only

Pure: no store, no network, no clock. Time and memory are bounded for any bytes (`limits`). It needs
the libraries of `functions/inbound`, which no other function carries: nothing outside imports it but
the function that takes mail.
"""
