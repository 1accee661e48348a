"""Signed mails in one piece (S/MIME "opaque"): their words are read, their files are attachments."""

from __future__ import annotations

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
def test_what_is_no_signed_message_stays_a_file(data: bytes) -> None:
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
