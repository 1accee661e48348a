"""Which names of members of staff are found in a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from redress.base.people import Member, Role
from redress.staff.cases.names import FRESH_FOR_S, StaffNames
from redress.staff.rules.names import Names
from redress.tickets.rules.steps.table import MOST_ABOUT

STAFF = Names(
    [
        ("a-na", "Li Na 李娜"),
        ("a-wei", "王伟"),
        ("a-wei-2", "王伟"),
        ("a-hua", "張麗華"),
        ("a-jose", "José García"),
        ("a-mary", "Mary J. O'Neil-Smith"),
        ("a-taro", "山田 太郎"),
        ("a-abdu", "阿卜杜拉·买买提"),
        ("a-kim", "김철수"),
        ("a-mei", "Mei"),
        ("a-initial", "J. Li"),
        ("a-one", "刘"),
        ("a-none", "?"),
    ]
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("客服李娜态度很差", {"a-na"}),
        ("客服李 娜态度很差", {"a-na"}),
        ("李\u200b娜 was rude", {"a-na"}),
        ("I spoke to LI NA yesterday.", {"a-na"}),
        ("I spoke to Na Li.", {"a-na"}),
        ("Li, Na hung up", {"a-na"}),
        ("Ｌｉ　Ｎａ", {"a-na"}),
        ("我找Li Na投诉", {"a-na"}),
        ("王伟和李娜", {"a-na", "a-wei", "a-wei-2"}),
        ("王偉掛了電話", {"a-wei", "a-wei-2"}),  # the text is traditional, the name simplified
        ("张丽华挂了电话", {"a-hua"}),  # the other way round
        ("jose garcia", {"a-jose"}),
        ("JOSE\u0301 GARCI\u0301A", {"a-jose"}),
        ("Mrs. O’Neil Smith, Mary was rude", set()),  # too far from how the name is written
        ("Mary O'Neil-Smith", {"a-mary"}),
        ("mary j oneil smith", {"a-mary"}),
        ("山田太郎さん", {"a-taro"}),
        ("阿卜杜拉买买提", {"a-abdu"}),
        ("김철수가 전화를 끊었다", {"a-kim"}),
        ("Mei was rude", set()),
        ("Li was rude", set()),
        ("Lina was rude", set()),
        ("Oli Nadia", set()),
        ("J Li", set()),
        ("李先生", set()),
        ("Li 先生 Na", set()),
        ("刘", set()),
        ("", set()),
        ("???", set()),
    ],
)
def test_full_names_are_found_and_nothing_else(text: str, named: set[str]) -> None:
    assert STAFF.found_in(text) == named


class Staff:
    """A store of members that counts how often it is read."""

    def __init__(self, *members: tuple[str, str]) -> None:
        self.known, self.reads, self.team = list(members), 0, "service"

    def members(self) -> list[Member]:
        self.reads += 1
        return [
            Member(one, name, f"{one}@example.com", Role.AGENT, self.team, ("en",), 5)
            for one, name in self.known
        ]

    def named(self, agents: Iterable[str], *, consistent: bool) -> dict[str, Member]:
        assert consistent, "an earlier team would keep the wrong supervisors out"
        known = {member.id: member for member in self.members()}
        self.reads -= 1
        return {one: known[one] for one in agents}


def ids(members: Iterable[Member]) -> list[str]:
    return [member.id for member in members]


def test_names_are_read_once_a_minute() -> None:
    staff: Any = Staff(("a-na", "Li Na"))
    seconds = [0.0]
    names = StaffNames(staff, lambda: seconds[0])
    assert ids(names.named_in("Kettle", "Li Na was rude")) == ["a-na"]
    staff.known.append(("a-bo", "Bo Ek"))
    seconds[0] = FRESH_FOR_S - 1
    staff.team = "complaints"
    [na] = names.named_in("Li Na", "and Bo Ek")
    assert (na.id, na.team) == ("a-na", "complaints"), "only names are a minute old"
    assert staff.reads == 1
    seconds[0] = FRESH_FOR_S
    assert ids(names.named_in("Li Na", "and Bo Ek")) == ["a-bo", "a-na"]
    assert staff.reads == 2


def test_a_complaint_is_about_no_more_members_than_a_transaction_can_record() -> None:
    staff: Any = Staff(*((f"a-{index:02}", "Li Na") for index in range(MOST_ABOUT + 5)))
    assert len(StaffNames(staff).named_in("Li Na")) == MOST_ABOUT
