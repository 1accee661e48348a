"""Signed mails in one piece (S/MIME "opaque"): their words are read, their files are attachments."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from redress.mail.incoming.reader import limits
from redress.mail.incoming.reader.limits import Code
from redress.mail.incoming.reader.mail import ParsedMail
from redress.mail.incoming.reader.parsing import parse
from tests.mail.reader.mails import HEAD, codes, encoded, multipart, part

INNER = multipart(
    part(b"text/plain; charset=utf-8", "My lamp is broken. 坏了".encode()),
    encoded(b"application/pdf; name=a.pdf", b"%PDF-1.7 ..."),
)
WORDS = "My lamp is broken. 坏了"
SIGNED = "2a864886f70d010702"
COMPRESSED = "2a864886f70d0109100109"
ENVELOPED = "2a864886f70d010703"
DATA = "2a864886f70d010701"


def tlv(tag: int, content: bytes) -> bytes:
    """Return a value with a definite length (DER)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def streamed(tag: int, content: bytes) -> bytes:
    """Return a value with an indefinite length (BER)."""
    return bytes((tag, 0x80)) + content + b"\0\0"


def oid(value: str) -> bytes:
    return tlv(0x06, bytes.fromhex(value))


def in_pieces(content: bytes, size: int) -> bytes:
    return b"".join(tlv(0x04, content[at : at + size]) for at in range(0, len(content), size))


def cms(octets: bytes | None, kind: str = SIGNED, *, stream: bool = False) -> bytes:
    """Return a message with an OCTET STRING, without certificates and signatures."""
    make = streamed if stream else tlv
    content = make(0xA0, octets) if octets is not None else b""
    inner = tlv(0x02, b"\1") + make(0x31, b"") + make(0x30, oid(DATA) + content) + make(0x31, b"")
    return make(0x30, oid(kind) + make(0xA0, make(0x30, inner)))


def opaque(
    data: bytes, kind: bytes = b"application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
) -> ParsedMail:
    return parse(
        HEAD + encoded(kind, data, b'Content-Disposition: attachment; filename="smime.p7m"')
    )


def signed_by_a_library(content: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Li Na")])
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    return builder.add_signer(certificate, key, hashes.SHA256()).sign(
        serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]
    )


FORMS = {
    "DER": cms(tlv(0x04, INNER)),
    "of a library": signed_by_a_library(INNER),
    "streamed": cms(streamed(0x24, in_pieces(INNER, 50)), stream=True),
    "streamed, in one piece": cms(tlv(0x04, INNER), stream=True),
    "pieces of a known length": cms(tlv(0x24, in_pieces(INNER, 50))),
    "pieces of pieces": cms(
        streamed(
            0x24, streamed(0x24, in_pieces(INNER[:70], 9)) + tlv(0x24, in_pieces(INNER[70:], 9))
        )
    ),
    "signed twice": cms(
        tlv(
            0x04,
            encoded(b"application/pkcs7-mime; smime-type=signed-data", cms(tlv(0x04, INNER))),
        )
    ),
    "compressed and signed": cms(
        tlv(
            0x04,
            encoded(
                b"application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z",
                cms(tlv(0x04, zlib.compress(INNER)), COMPRESSED),
            ),
        )
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_signed_message_is_read_like_any_mail(form: str) -> None:
    mail = opaque(FORMS[form])
    assert mail.text == WORDS
    assert [(one.name, one.content) for one in mail.attachments] == [("a.pdf", b"%PDF-1.7 ...")]
    assert mail.security == "smime-signed"
    assert codes(mail) == {Code.SIGNATURE_NOT_VERIFIED}


@pytest.mark.parametrize(
    "kind",
    [
        b"application/pkcs7-mime",
        b"application/x-pkcs7-mime; smime-type=signed-data",
        b"application/pkcs7-mime; smime-type=enveloped-data",
        b"application/octet-stream; name=smime.p7m",
        b"application/octet-stream",
    ],
)
def test_a_signed_message_is_recognised_by_its_content(kind: bytes) -> None:
    mail = opaque(FORMS["DER"], kind)
    assert (mail.text, mail.security) == (WORDS, "smime-signed")


def test_a_signed_message_is_read_in_its_place_among_other_parts() -> None:
    signed = encoded(
        b"application/pkcs7-mime; name=smime.p7m", FORMS["DER"].replace(b"=b=", b"=c=")
    )
    mail = parse(HEAD + multipart(signed, part(b"text/plain", b"Footer of a list")))
    assert mail.text == f"{WORDS}\n\nFooter of a list"


@pytest.mark.parametrize(
    ("signed", "security"),
    [
        (encoded(b"application/pkcs7-mime; name=smime.p7m", FORMS["DER"]), "smime-signed"),
        (encoded(b"application/octet-stream; name=smime.p7m", FORMS["DER"]), "smime-signed"),
        (
            encoded(b"application/pkcs7-mime; name=smime.p7m", cms(tlv(4, INNER), ENVELOPED)),
            "smime-encrypted",
        ),
        (
            encoded(
                b"application/pkcs7-mime",
                cms(
                    tlv(0x04, zlib.compress(encoded(b"application/pkcs7-mime", FORMS["DER"]))),
                    COMPRESSED,
                ),
            ),
            "smime-signed",
        ),
        (
            b'Content-Type: multipart/signed; boundary=s; protocol="application/pkcs7-signature"'
            b"\r\n\r\n--s\r\n\r\nHello\r\n--s\r\n\r\nx\r\n--s--",
            "smime-signed",
        ),
        (
            b'Content-Type: multipart/signed; boundary=s; protocol="application/pgp-signature"'
            b"\r\n\r\n--s\r\n\r\nHello\r\n--s\r\n\r\nx\r\n--s--",
            "pgp-signed",
        ),
        (b"Content-Type: multipart/encrypted; boundary=s\r\n\r\n--s\r\n\r\nx", "pgp-encrypted"),
        (part(b"application/pgp-encrypted", b"Version: 1\r\n"), "pgp-encrypted"),
        (encoded(b"application/pgp-encrypted", b"Version: 1\r\n"), "pgp-encrypted"),
    ],
)
def test_a_protected_part_is_reported_beside_the_footer_of_a_list(
    signed: bytes, security: str
) -> None:
    signed = signed.replace(b"=b=", b"=c=")
    footer = part(b"text/plain", b"Footer of a list")
    for body in (multipart(signed, footer), multipart(footer, signed)):
        assert parse(HEAD + body).security == security
        deeper = body.replace(b"=b=", b"=d=")
        assert parse(HEAD + multipart(deeper, footer)).security == security


@pytest.mark.parametrize(
    "file",
    [
        encoded(b"application/pkcs7-mime; name=contract.pdf.p7m", cms(tlv(0x04, b"%PDF-1.7"))),
        encoded(b"application/pkcs7-mime; name=a.p7m", cms(tlv(0x04, INNER), ENVELOPED)),
        encoded(b"application/pgp-encrypted; name=key.pgp", b"\x85\1\0"),
        b"Content-Type: message/rfc822\r\n\r\n" + encoded(b"application/pkcs7-mime", b"x"),
    ],
)
def test_a_protected_file_does_not_protect_the_mail(file: bytes) -> None:
    assert parse(HEAD + multipart(part(b"text/plain", b"See the file"), file)).security == ""


def test_an_encrypted_mail_in_a_signed_one_counts_as_encrypted() -> None:
    closed = encoded(b"application/pkcs7-mime", cms(tlv(0x04, INNER), ENVELOPED))
    mail = opaque(cms(tlv(0x04, closed)))
    assert (mail.text, mail.security) == ("", "smime-encrypted")


WRAPPED = HEAD + INNER
WRAPPER = b"Content-Type: message/rfc822"


@pytest.mark.parametrize(
    ("parameters", "inner"),
    [
        (b"; forwarded=no", WRAPPED),
        (b"", WRAPPED),
        (b'; forwarded="no"', WRAPPED.replace(b"From: Li Na", b"From: Na Li")),
        (b"; forwarded=NO", b"Subject: Parcel\r\n" + INNER),
        (b"", WRAPPED.replace(b"From: Li Na <li.na@", b"From: Li <LI.NA@").replace(b"<1@", b"<2@")),
        (b"", WRAPPED.replace(b"li.na@example.com", b"li.na@home.example")),
    ],
)
@pytest.mark.parametrize("form", ["signed", "streamed", "compressed", "detached", "twice", "list"])
def test_a_mail_that_is_wrapped_to_sign_its_headers_is_read(
    form: str, parameters: bytes, inner: bytes
) -> None:
    content = WRAPPER + parameters + b"\r\n\r\n" + inner
    kind = b"application/pkcs7-mime; name=smime.p7m"
    body = {
        "signed": encoded(kind, cms(tlv(0x04, content))),
        "streamed": encoded(kind, cms(streamed(0x24, in_pieces(content, 50)), stream=True)),
        "compressed": encoded(kind, cms(tlv(0x04, zlib.compress(content)), COMPRESSED)),
        "detached": b'Content-Type: multipart/signed; boundary="=s="\r\n\r\n--=s=\r\n'
        + content
        + b"\r\n--=s=\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--=s=--",
        "twice": encoded(kind, cms(tlv(0x04, encoded(kind, cms(tlv(0x04, content)))))),
        "list": multipart(encoded(kind, cms(tlv(0x04, content))), part(b"text/plain", b"Footer")),
    }[form]
    mail = parse(HEAD + body)
    assert mail.text == (f"{WORDS}\n\nFooter" if form == "list" else WORDS)
    assert [one.name for one in mail.attachments if one.name.endswith("pdf")] == ["a.pdf"]
    assert mail.embedded == ()
    assert mail.security == ("" if form == "compressed" else "smime-signed")


@pytest.mark.parametrize(
    "content",
    [
        WRAPPER + b"; forwarded=yes\r\n\r\n" + WRAPPED,
        WRAPPER
        + b"\r\n\r\n"
        + WRAPPED.replace(b"li.na@", b"shop@").replace(b"<1@example.com>", b"<2@example.com>"),
        multipart(
            part(b"text/plain", b"See below"), WRAPPER + b"\r\n\r\n" + b"Subject: x\r\n\r\ny"
        ),
    ],
)
def test_a_signed_forward_stays_a_forward(content: bytes) -> None:
    mail = opaque(cms(tlv(0x04, content)))
    assert len(mail.embedded) == 1
    assert mail.text in ("", "See below")


def test_the_signed_subject_is_used_if_the_outer_subject_says_nothing() -> None:
    content = WRAPPER + b"; forwarded=no\r\n\r\n" + WRAPPED
    for outer, subject in ((b"...", "Parcel"), (b"", "Parcel"), (b"Lamp", "Lamp")):
        head = HEAD.replace(b"Subject: Parcel", b"Subject: " + outer)
        body = encoded(b"application/pkcs7-mime", cms(tlv(0x04, content)))
        assert parse(head + body).subject == subject


def pem(data: bytes, label: bytes = b"PKCS7", end: bytes = b"\n") -> bytes:
    block = b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label, base64.encodebytes(data), label)
    return block.replace(b"\n", end)


@pytest.mark.parametrize("label", [b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/pkcs7-mime\r\n\r\n",
        b"Content-Type: application/octet-stream; name=smime.p7m\r\n\r\n",
        b"Content-Type: text/plain\r\n\r\n",
        b"\r\n",
    ],
)
def test_a_signed_message_as_pem_is_read(label: bytes, end: bytes, head: bytes) -> None:
    mail = parse(HEAD + head + pem(FORMS["of a library"], label, end))
    assert (mail.text, mail.security) == (WORDS, "smime-signed")
    assert [one.name for one in mail.attachments] == ["a.pdf"]


@pytest.mark.parametrize("kind", [b"application/pkcs7-mime", b"text/plain"])
def test_pem_that_was_encoded_again_is_read(kind: bytes) -> None:
    mail = parse(HEAD + encoded(kind, pem(FORMS["DER"])))
    assert (mail.text, mail.security) == (WORDS, "smime-signed")


def test_words_around_pem_are_kept() -> None:
    mail = parse(HEAD + b"\r\nHello,\n" + pem(cms(tlv(0x04, b"two"))) + b"Footer of a list")
    assert (mail.text, mail.security) == ("Hello,\n\ntwo\n\nFooter of a list", "smime-signed")


def test_pem_without_its_end_is_read_as_far_as_it_goes() -> None:
    block = pem(cms(tlv(0x04, b"My lamp is broken. " * 20))).partition(b"-----END")[0]
    assert "My lamp is broken." in parse(HEAD + b"\r\n" + block[:-80]).text


@pytest.mark.parametrize(
    ("block", "security"),
    [
        (pem(cms(tlv(0x04, INNER), ENVELOPED)), "smime-encrypted"),
        (pem(cms(None)), "smime-signed"),
        (pem(b"no message"), ""),
        (b"-----BEGIN PKCS7-----\nWhat does this mean?\n", ""),
        (b"> " + pem(FORMS["DER"]).replace(b"\n", b"\n> "), ""),
    ],
)
def test_pem_that_cannot_be_opened_stays_in_the_text(block: bytes, security: str) -> None:
    mail = parse(HEAD + b"\r\nHello,\n" + block)
    assert mail.text == f"Hello,\n{block.decode()}".rstrip("\n")
    assert mail.security == security


def test_attached_pem_stays_a_file() -> None:
    file = part(b"text/plain; name=a.pem", pem(FORMS["DER"]), b"Content-Disposition: attachment")
    mail = parse(HEAD + multipart(part(b"text/plain", b"See the file"), file))
    assert (mail.text, [one.name for one in mail.attachments]) == ("See the file", ["a.pem"])


def test_a_signed_text_without_headers_is_read() -> None:
    assert opaque(cms(tlv(0x04, b"Order: 4711\r\n\r\nIt is broken."))).text == (
        "Order: 4711\n\nIt is broken."
    )


def test_a_signed_message_whose_encoding_is_not_declared_is_read() -> None:
    body = encoded(b"application/pkcs7-mime", FORMS["DER"]).replace(
        b"Content-Transfer-Encoding: base64\r\n", b""
    )
    assert parse(HEAD + body).text == WORDS


def test_a_compressed_message_is_read() -> None:
    mail = opaque(cms(tlv(0x04, zlib.compress(INNER)), COMPRESSED), b"application/pkcs7-mime")
    assert (mail.text, mail.security, codes(mail)) == (WORDS, "", set())


@pytest.mark.parametrize(
    "kind", [b"application/pkcs7-mime; smime-type=enveloped-data", b"application/octet-stream"]
)
def test_an_encrypted_message_stays_a_file(kind: bytes) -> None:
    mail = opaque(cms(tlv(0x04, INNER), ENVELOPED), kind)
    assert (mail.text, mail.security) == ("", "smime-encrypted")
    assert [one.name for one in mail.attachments] == ["smime.p7m"]


def test_a_message_of_certificates_stays_a_file() -> None:
    mail = opaque(cms(None))
    assert (mail.text, len(mail.attachments), codes(mail)) == ("", 1, set())


@pytest.mark.parametrize("content", [b"%PDF-1.7 \0\1", b"<?xml version='1.0'?><bill/>"])
@pytest.mark.parametrize("kind", [b"application/pkcs7-mime", b"application/octet-stream"])
def test_a_signed_document_stays_a_file(kind: bytes, content: bytes) -> None:
    data = cms(tlv(0x04, content))
    file = encoded(kind, data, b"Content-Disposition: attachment; filename=contract.pdf.p7m")
    for body in (file, multipart(part(b"text/plain", b"See the contract"), file)):
        mail = parse(HEAD + body)
        assert [(one.name, one.content) for one in mail.attachments] == [("contract.pdf.p7m", data)]


def test_a_signed_message_that_was_cut_keeps_its_words() -> None:
    for form in ("DER", "streamed"):
        at = FORMS[form].index(b"a.pdf")
        mail = opaque(FORMS[form][:at])
        assert "My lamp is broken." in mail.text
        assert Code.BAD_SMIME in codes(mail)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"0\x80",
        b"\0" * 9,
        FORMS["DER"][:30],
        b"\x30\x80" * 1_000,
        b"\x30\x89" + b"\xff" * 20,
        b"\x30\x84\xff\xff\xff\xff" + FORMS["DER"][4:20],
        cms(streamed(0x24, b"\x24\x80" * 1_000), stream=True),
        cms(streamed(0x24, tlv(0x02, b"x")), stream=True),
        cms(b"\x04\x80xx\0\0", stream=True),
        cms(tlv(0x04, b"no zlib"), COMPRESSED),
    ],
)
def test_data_that_is_no_signed_message_stays_a_file(data: bytes) -> None:
    mail = opaque(data)
    assert mail.text == ""
    assert [one.content for one in mail.attachments] == [data]


def test_opened_messages_share_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = cms(
        tlv(0x04, zlib.compress(b"Content-Type: text/plain\r\n\r\n" + b"a" * 5_000)), COMPRESSED
    )
    monkeypatch.setattr("redress.mail.incoming.reader.structure.SMIME", 5_000)
    mail = opaque(bomb, b"application/pkcs7-mime")
    assert (mail.text, len(mail.attachments)) == ("", 1)
    assert Code.BAD_SMIME in codes(mail)
    monkeypatch.setattr("redress.mail.incoming.reader.structure.SMIME", 11_000)
    one = encoded(b"application/pkcs7-mime; name=smime.p7m", bomb)
    mail = parse(HEAD + multipart(one, one, one))
    assert len(mail.text) == 10_002
    assert [a.name for a in mail.attachments] == ["smime.p7m"]


def test_a_message_in_too_many_pieces_stays_a_file() -> None:
    mail = opaque(cms(streamed(0x24, b"\x04\0" * (limits.SMIME_PIECES + 1)), stream=True))
    assert (len(mail.attachments), Code.BAD_SMIME in codes(mail)) == (1, True)
