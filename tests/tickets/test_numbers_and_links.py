"""Tests of ticket numbers, which people can spell, and of links, which nobody can forge."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import LinkExpired, NotFound
from redress.tickets.links import Links
from redress.tickets.rules.numbers import ALPHABET, new_number, normalised
from tests.builders import NUMBER, START

OTHER = "R-7K3M9-QW0X3"
OLD, NEW, FOREIGN = b"the key before", b"the key now", b"a key of somebody else"
EXPIRES = START + timedelta(days=7)
FILE = "9f86d081884c7d65"


def links(*keys: bytes) -> Links:
    return Links(lambda: keys or (NEW,))


# -------------------------------------------------------------------------------- numbers


def test_a_new_number_is_already_normalised() -> None:
    for _ in range(500):
        number = new_number()
        assert normalised(number) == number


def test_numbers_do_not_repeat_and_use_the_complete_alphabet() -> None:
    numbers = {new_number() for _ in range(2000)}
    assert len(numbers) == 2000
    assert set("".join(number[2:] for number in numbers)) - {"-"} == set(ALPHABET)


def test_the_alphabet_contains_no_letters_that_look_like_digits() -> None:
    assert not set("ILOU") & set(ALPHABET)
    assert len(set(ALPHABET)) == 32


@pytest.mark.parametrize(
    "written",
    ["r-7k3m9-qw0x2", "  R-7K3M9-QW0X2\n", "R-7K3M9-QWOX2", "r-7k3m9-qwox2"],
)
def test_a_number_is_read_in_any_case_with_spaces_and_misread_letters(written: str) -> None:
    assert normalised(written) == NUMBER


def test_i_and_l_are_read_as_one() -> None:
    assert normalised("R-iL345-OOOOO") == "R-11345-00000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "R-7K3M9QW0X2",
        "7K3M9-QW0X2",
        "R-7K3M9-QW0X",
        "R-7K3M9-QW0X22",
        "R-7K3M9-QW0U2",
        "R-7K3M9-QW0X2.sig",
        "S-7K3M9-QW0X2",
        "R-７K3M9-QW0X2",
        "R-7K3M9-QW0X²",
        "TICKET#R-7K3M9-QW0X2",
    ],
)
def test_other_texts_are_not_numbers(text: str) -> None:
    assert normalised(text) is None


@given(st.text(st.characters(), max_size=20))
def test_any_text_is_a_number_or_none(text: str) -> None:
    found = normalised(text)
    assert found is None or normalised(found) == found


# -------------------------------------------------------------------------------- links


def test_a_token_is_read_as_the_number_of_its_ticket() -> None:
    made = links()
    assert made.read_status(made.status_token(NUMBER)) == NUMBER
    assert made.read_survey(made.survey_token(NUMBER, EXPIRES), lambda: START) == NUMBER
    came_back = made.return_token(NUMBER, FILE, "zh-TW", EXPIRES)
    assert made.read_return(came_back, lambda: START) == (NUMBER, FILE, "zh-TW")


def test_a_return_token_is_over_after_its_time_and_does_not_contain_the_link() -> None:
    token = TOKEN["return"]
    with pytest.raises(LinkExpired):
        links().read_return(token, lambda: EXPIRES + timedelta(seconds=1))
    assert TOKEN["status"].rpartition(".")[2] not in token


def test_tokens_contain_only_characters_that_need_no_escaping() -> None:
    allowed = set(string.ascii_letters + string.digits + "-_.~")
    assert set(links().status_token(NUMBER)) <= allowed
    assert set(links().survey_token(NUMBER, EXPIRES)) <= allowed
    assert set(links().return_token(NUMBER, FILE, "zh-CN", EXPIRES)) <= allowed


def test_the_status_link_of_a_ticket_is_always_the_same() -> None:
    assert links().status_token(NUMBER) == links().status_token(NUMBER)


Reading = Callable[[Links, str], str]
READ: dict[str, Reading] = {
    "status": lambda made, token: made.read_status(token),
    "survey": lambda made, token: made.read_survey(token, lambda: START),
    "return": lambda made, token: made.read_return(token, lambda: START)[0],
}
TOKEN = {
    "status": links().status_token(NUMBER),
    "survey": links().survey_token(NUMBER, EXPIRES),
    "return": links().return_token(NUMBER, FILE, "zh-TW", EXPIRES),
}
PURPOSES = pytest.mark.parametrize("purpose", list(READ))


def refused(purpose: str, token: str, *keys: bytes) -> bool:
    try:
        READ[purpose](links(*keys), token)
    except NotFound:
        return True
    return False


@PURPOSES
def test_a_token_signed_with_another_key_is_refused(purpose: str) -> None:
    assert refused(purpose, TOKEN[purpose], FOREIGN)


@PURPOSES
def test_the_signature_of_one_ticket_is_refused_for_another(purpose: str) -> None:
    assert refused(purpose, TOKEN[purpose].replace(NUMBER, OTHER))


def test_a_token_of_one_purpose_is_refused_for_another() -> None:
    for purpose in READ:
        for other in READ.keys() - {purpose}:
            assert refused(purpose, TOKEN[other])
    status_signature = TOKEN["status"].rpartition(".")[2]
    assert refused("survey", f"{NUMBER}.{int(EXPIRES.timestamp())}.{status_signature}")


@PURPOSES
def test_every_truncated_token_is_refused(purpose: str) -> None:
    token = TOKEN[purpose]
    assert all(refused(purpose, token[:length]) for length in range(len(token)))


@PURPOSES
def test_every_token_with_one_changed_character_is_refused(purpose: str) -> None:
    token = TOKEN[purpose]
    for index, letter in enumerate(token):
        other = "A" if letter != "A" else "B"
        assert refused(purpose, token[:index] + other + token[index + 1 :])


@PURPOSES
@pytest.mark.parametrize("tail", [".", "=", " ", "\n", "A", ".0", "\0"])
def test_a_token_with_anything_added_is_refused(purpose: str, tail: str) -> None:
    assert refused(purpose, TOKEN[purpose] + tail)
    assert refused(purpose, tail + TOKEN[purpose])


@PURPOSES
def test_a_token_in_another_case_is_refused(purpose: str) -> None:
    assert refused(purpose, TOKEN[purpose].lower())


STRANGE = ["", ".", "..", "链接", f"{NUMBER}.签名", f"{NUMBER}.\ud800", "\udcff.\udcff", "💣" * 99]


@PURPOSES
@pytest.mark.parametrize("token", STRANGE)
def test_unusual_characters_are_refused_without_an_error(purpose: str, token: str) -> None:
    assert refused(purpose, token)


@PURPOSES
@given(st.text(st.characters(), max_size=60))
def test_any_other_text_is_refused(purpose: str, token: str) -> None:
    assert refused(purpose, token)


def test_a_changed_expiry_is_refused() -> None:
    signature = TOKEN["survey"].rpartition(".")[2]
    later = int((EXPIRES + timedelta(days=999)).timestamp())
    assert refused("survey", f"{NUMBER}.{later}.{signature}")
    assert refused("survey", f"{NUMBER}.².{signature}")


def test_a_survey_token_expires() -> None:
    made, token = links(), TOKEN["survey"]
    assert made.read_survey(token, lambda: EXPIRES) == NUMBER
    with pytest.raises(LinkExpired):
        made.read_survey(token, lambda: EXPIRES + timedelta(seconds=1))
    with pytest.raises(NotFound):
        made.read_survey(f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}", lambda: EXPIRES)


def test_links_stay_valid_for_one_rotation_of_the_key() -> None:
    before = links(OLD).status_token(NUMBER)
    rotated = links(NEW, OLD)
    assert rotated.read_status(before) == NUMBER
    assert rotated.status_token(NUMBER) == links(NEW).status_token(NUMBER)
    assert refused("status", before, NEW)


def test_a_rotation_takes_effect_in_running_functions() -> None:
    keys = [OLD]
    wired = Links(lambda: tuple(keys))
    token = wired.status_token(NUMBER)
    keys[:] = [NEW, OLD]
    assert wired.read_status(token) == NUMBER
    keys[:] = [FOREIGN, NEW]
    with pytest.raises(NotFound):
        wired.read_status(token)


def test_signatures_have_at_least_128_bits() -> None:
    signature = TOKEN["status"].rpartition(".")[2]
    assert len(base64.urlsafe_b64decode(signature)) * 8 >= 128


# -------------------------------------------------------------------------------- mail tokens


def is_known(token: str, *keys: bytes) -> bool:
    try:
        return links(*keys).read_mail(token) == NUMBER
    except NotFound:
        return False


def test_a_mail_token_is_read_in_any_case() -> None:
    token = links().mail_token(NUMBER)
    assert token == token.lower()
    assert is_known(token)
    assert is_known(token.upper())
    assert is_known(token.title())
    assert len(token) <= 64, "the limit for the part of an address before the @"
    assert set(token) <= set(string.ascii_lowercase + string.digits + "-.")


def test_changed_mail_tokens_are_refused() -> None:
    token = links().mail_token(NUMBER)
    assert not is_known(token, FOREIGN)
    assert not is_known(token[:-1])
    assert not is_known(token.replace(".", ""))
    assert not is_known(links().status_token(NUMBER))
    assert not is_known(token.replace(NUMBER.lower(), OTHER.lower()))
    for index in range(len(NUMBER) + 1, len(token)):
        other = "a" if token[index] != "a" else "b"
        assert not is_known(token[:index] + other + token[index + 1 :])


@given(st.text(st.characters(), max_size=60))
def test_any_other_text_is_not_a_mail_token(text: str) -> None:
    assert not is_known(text)
    assert not is_known(f"{NUMBER.lower()}.{text}")


def test_mail_tokens_stay_valid_for_one_rotation_of_the_key() -> None:
    before = links(OLD).mail_token(NUMBER)
    assert is_known(before, NEW, OLD)
    assert not is_known(before, NEW)
