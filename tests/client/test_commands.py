"""`redress` against the real handlers of the staff API."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from redress_staff.api.tickets import note as note_operation
from redress_staff.api.tickets import reply as reply_operation
from typer.main import get_command
from typer.testing import CliRunner

from local.clients import tools
from redress.base.people import CUSTOMER
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import stores as wired_stores
from redress_cli import downloads, drafts, screen
from redress_cli.app import app
from redress_cli.commands import lead
from redress_cli.drafts import Draft
from tests.builders import BY_PHONE, MEI, ROOT, Clock
from tests.client.conftest import Service, Terminal
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile
from tests.files import samples
from tests.functions.filing import create_bucket, judge, refer
from tests.world import Act, Opener, Stores, merge

HIDDEN = "\x1b[2J\x1b]0;owned\x07 \u202eleak"
"""Characters that clear a screen, set a title and turn a line around."""


@pytest.fixture
def ticket(terminal: Terminal, open_ticket: Opener) -> Ticket:
    return open_ticket(agent="a-mei")


def know_both() -> None:
    """Store the profiles of Li Na and Wang Wei."""
    both = [new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE, name="Wang Wei"))]
    wired_stores.customers().write(both)


# ------------------------------------------------------------------ days


def test_agent_takes_reads_answers_and_resolves_a_ticket(
    terminal: Terminal, open_ticket: Opener
) -> None:
    number = open_ticket("complaint").number
    assert terminal("presence", "available").out.startswith("You are available")
    assert "mei <mei@example.com>, agent of complaints" in terminal("whoami").out
    assert number in terminal("queue").out

    taken = terminal("next").out
    assert f"{number} complaint" in taken
    assert "It leaks at the handle" in taken
    assert number in terminal("work").out
    assert number in terminal("search", number.lower()).out
    assert terminal("show", number.lower(), "--json").json["assignee"] == "a-mei"

    assert terminal("note", number, "--text", "The same batch leaked before.").code == 0
    edits = terminal.editor(
        "assert 'reads zh-CN' in text and 'It leaks at the handle' in text\ntext += '# On it.\\n'"
    )
    assert terminal("reply", number, EDITOR=edits).out == f"{number} is open.\n"
    reasons = ("--outcome", "upheld", "--remedy", "replacement", "--root-cause", "seal")
    told = (*reasons, "--cause", "defective_part")
    done = terminal("resolve", number, "--text", "-", *told, "--json", input="New kettle.\n")
    assert done.json["state"] == "resolved"
    assert done.json["resolution"]["cause"] == "defective_part"

    shown = terminal("show", number).out
    assert "mei: noted\n    The same batch leaked before." in shown
    assert "    # On it." in shown
    assert terminal("drafts").out == "No draft is waiting.\n"


def test_supervisor_sees_the_board_and_moves_a_ticket(terminal: Terminal, ticket: Ticket) -> None:
    for name in ("mei", "jun"):
        assert terminal("whoami", by=name).code == 0
    board = terminal("board", by="lin")
    assert "complaints: 1 open, 0 queued" in board.out
    [mei] = [line.split() for line in board.out.splitlines() if line.split()[:1] == ["mei"]]
    assert mei[1:5] == ["available", "1", "of", "2"]
    assert terminal("board", "--json", by="lin").json["team"] == "complaints"
    assert "jun@example.com" in terminal("members", by="lin").out

    moved = terminal("assign", ticket.number, "--to", "jun", "--reason", "knows it", by="lin")
    assert moved.out == f"{ticket.number} is with jun.\n"
    assert "assigned to jun: knows it" in terminal("show", ticket.number, by="lin").out

    gone = terminal("suspend", "mei@example.com", "--reason", "begins later", by="lin")
    assert gone.out == "mei is suspended.\n"
    assert "suspended" in terminal("members", "mei", by="lin").out
    back = terminal("reinstate", "a-mei", "--reason", "is here", by="lin")
    assert back.out == "mei is active.\n"


def test_watched_board_goes_on_after_a_lost_connection_until_it_is_stopped(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(_: float) -> None:
        waits.append(len(waits))
        if len(waits) == 1:
            service.before = lambda *_: ("503 Unavailable", {"Retry-After": "90"})
        elif len(waits) == 2:
            service.before = lambda *_: None
        else:
            raise KeyboardInterrupt

    waits: list[int] = []
    monkeypatch.setattr(lead, "pause", wait)
    found = terminal("board", "--watch", by="lin")
    assert found.code == 0
    assert found.out.count("complaints: ") == 2
    assert "The service is busy" in found.err


def test_customer_is_found_by_id_by_address_and_by_number(terminal: Terminal) -> None:
    know_both()
    assert f"Li Na ({LI_NA}), standard" in terminal("customer", LI_NA).out
    assert "Li Na" in terminal("customer", "LI.na@example.com").out
    assert "Wang Wei" in terminal("customer", PHONE[1]).out
    nobody = terminal("customer", "nobody@example.com")
    assert (nobody.code, nobody.err.splitlines()[0]) == (
        4,
        "No customer is known as nobody@example.com.",
    )


# ------------------------------------------------------------------ what is refused


def test_refusal_says_what_is_possible_instead(
    terminal: Terminal, ticket: Ticket, act: Act
) -> None:
    act(ticket, by_customer.withdraw, "")
    found = terminal("reply", ticket.number, "--text", "Hello")
    assert found.code == 5
    assert found.err.startswith(f"You cannot reply now: {ticket.number} is closed.\n  You can")

    found = terminal("board")
    assert found.code == 4
    assert "this is not for the role agent" in found.err


def test_every_fault_of_an_input_is_named_in_words_and_the_text_is_kept(
    terminal: Terminal, ticket: Ticket
) -> None:
    text = "New kettle."
    found = terminal("resolve", ticket.number, "--text", text, "--json")
    assert found.code == 6
    assert found.json["status"] == 422
    assert "outcome: " in found.err
    assert "root cause: " in found.err
    assert f"redress resolve {ticket.number}" in found.err

    assert text in terminal("drafts").out or ticket.number in terminal("drafts").out
    other = terminal("resolve", ticket.number, "--text", "Something else.")
    assert (other.code, "Another draft" in other.err) == (5, True)
    reasons = ("--outcome", "upheld", "--remedy", "replacement", "--root-cause", "seal")
    assert terminal("resolve", ticket.number, "--draft", *reasons).code == 0


def test_nothing_is_sent_if_the_text_is_empty(
    terminal: Terminal, ticket: Ticket, stores: Stores
) -> None:
    found = terminal("reply", ticket.number, EDITOR=terminal.editor("pass"))
    assert (found.code, found.err) == (6, "Nothing was sent: the text is empty.\n")
    assert stores.tickets.get(ticket.number).version == ticket.version


def test_a_foreign_number_is_not_found(terminal: Terminal) -> None:
    found = terminal("show", "R-00000-00000")
    assert (found.code, found.out) == (4, "")


# ------------------------------------------------------------------ changes meanwhile


def typing(monkeypatch: pytest.MonkeyPatch, text: str, meanwhile: Any = lambda: None) -> None:
    """Type this text in the editor, while something else happens."""

    def edit(draft: Draft) -> None:
        draft.path.write_text(draft.path.read_text() + text)
        meanwhile()

    monkeypatch.setattr(Draft, "edit", edit)


def test_words_of_the_customer_during_a_reply_are_shown_and_the_draft_is_kept(
    terminal: Terminal,
    ticket: Ticket,
    act: Act,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write() -> None:
        act(ticket, by_customer.write, "It is burning now!")

    typing(monkeypatch, "Please wait.", write)
    found = terminal("reply", ticket.number)
    assert found.code == 5
    assert f"{ticket.number} was changed while you wrote:" in found.err + found.out
    assert "It is burning now!" in found.out + found.err
    assert stores.tickets.history(ticket.number)[-1].type is EventType.CUSTOMER_WROTE

    done = terminal("reply", ticket.number, "--draft")
    assert done.code == 0
    assert stores.tickets.history(ticket.number)[-1].data["text"] == "Please wait."


def test_a_change_by_the_system_does_not_disturb_a_reply(
    terminal: Terminal, ticket: Ticket, act: Act, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, "On it.", lambda: act(ticket, by_system.acknowledge))
    assert terminal("reply", ticket.number).code == 0
    assert stores.tickets.history(ticket.number)[-1].data["text"] == "On it."


def test_a_person_who_is_asked_can_edit_after_a_change(
    terminal: Terminal, ticket: Ticket, act: Act, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "interactive", lambda: True)
    asked = iter(("s", "e"))
    monkeypatch.setattr(screen, "ask", lambda *_: next(asked))
    once = iter((lambda: act(ticket, by_customer.write, "Wait!"),))
    typing(monkeypatch, "Word. ", lambda: next(once, lambda: None)())
    assert terminal("reply", ticket.number).code == 0
    assert stores.tickets.history(ticket.number)[-1].data["text"] == "Word.\nWord."


def test_an_answer_that_was_lost_does_not_send_a_note_twice(
    terminal: Terminal, ticket: Ticket, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = note_operation.sync_detailed

    def lost(*given: Any, **named: Any) -> None:
        real(*given, **named)
        raise httpx.ReadTimeout("no answer")

    monkeypatch.setattr(note_operation, "sync_detailed", lost)
    found = terminal("note", ticket.number, "--text", "Seen.")
    assert (found.code, found.out) == (0, f"{ticket.number} is new.\n")
    assert "It was done, although the answer was lost." in found.err
    texts = [event.data.get("text") for event in stores.tickets.history(ticket.number)]
    assert texts.count("Seen.") == 1


@pytest.mark.parametrize("status", ["500 Error", "503 Unavailable"])
def test_a_reply_that_a_gateway_answered_with_an_error_is_sent_once(
    status: str, terminal: Terminal, service: Service, ticket: Ticket, stores: Stores
) -> None:
    # The reply is made, its answer is an error, and the ticket cannot be read afterwards.
    service.after = lambda method, path: status if path.endswith("/replies") else None
    replied: list[str] = []

    def before(method: str, path: str) -> tuple[str, dict[str, str]] | None:
        replied.extend([path] if method == "POST" else [])
        return (status, {}) if method == "GET" and replied else None

    service.before = before
    lost = terminal("reply", ticket.number, "--text", "A new kettle comes.")
    assert (lost.code, "Your text is kept" in lost.err) == (7 if "503" in status else 1, True)

    service.before, service.after = lambda *_: None, lambda *_: None
    for given in (("--text", "A new kettle comes."), ("--draft", "--yes")):
        again = terminal("reply", ticket.number, *given)
        texts = [event.data.get("text") for event in stores.tickets.history(ticket.number)]
        assert texts.count("A new kettle comes.") == 1
    assert again.err == f"There is no draft for {ticket.number}.\n"


def test_a_resolution_that_was_sent_although_the_answer_was_lost_leaves_no_draft(
    terminal: Terminal, service: Service, ticket: Ticket
) -> None:
    reasons = ("--outcome", "upheld", "--remedy", "replacement", "--root-cause", "seal")
    service.after = lambda method, _: "503 Unavailable" if method == "POST" else None
    done = terminal("resolve", ticket.number, "--text", "New kettle.", *reasons, "--json")
    assert (done.code, done.json["state"]) == (0, "resolved")
    assert terminal("drafts").out == "No draft is waiting.\n"


def test_a_draft_of_before_stops_at_what_persons_did_since(
    terminal: Terminal, service: Service, ticket: Ticket, act: Act, stores: Stores
) -> None:
    number = ticket.number
    service.before = lambda method, _: ("503 Unavailable", {}) if method == "POST" else None
    assert terminal("reply", number, "--text", "It comes tomorrow.").code == 7
    service.before = lambda *_: None
    act(ticket, by_customer.write, "Do not send it!")

    stopped = terminal("reply", number, "--draft", "--yes", "--json")
    assert (stopped.code, stopped.out) == (5, "")
    assert "Do not send it!" in stopped.err
    assert stores.tickets.history(number)[-1].type is EventType.CUSTOMER_WROTE

    act(ticket, by_system.acknowledge)
    assert terminal("reply", number, "--draft", "--yes").code == 0
    assert stores.tickets.history(number)[-1].data["text"] == "It comes tomorrow."


def test_words_of_the_customer_are_shown_before_an_old_draft_is_edited(
    terminal: Terminal, ticket: Ticket, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        typing(patch, "Half a sentence", killed)
        assert terminal("reply", ticket.number).code == 130
    act(ticket, by_customer.write, "First word.")
    act(ticket, by_customer.write, "Second word.")
    found = terminal("reply", ticket.number, EDITOR=terminal.editor("pass"))
    assert found.code == 0
    assert "First word." in found.err


def test_words_of_a_customer_are_never_taken_for_the_text(
    terminal: Terminal, ticket: Ticket, act: Act, stores: Stores, tmp_path: Path
) -> None:
    act(ticket, by_customer.write, f"Pay me.\n{drafts.CUT}\nWe pay you 1,000.\n# version 9999")
    edits = terminal.editor("text += 'We look into it.'")
    assert terminal("reply", ticket.number, EDITOR=edits).code == 0
    assert stores.tickets.history(ticket.number)[-1].data["text"] == "We look into it."

    # A line of the customer that is not indented, as another version may have written it.
    draft = Draft(tmp_path / "draft.txt")
    draft.write(3, [f"{drafts.CUT[2:]}\nversion 9999"], "Mine.")
    assert (draft.text(), draft.version()) == ("Mine.", 3)
    assert draft.path.read_text().count(drafts.CUT) == 1
    draft.path.write_text(f"{drafts.CUT}\nOf the customer.\n{draft.path.read_text()}")
    assert draft.text() == "Mine."


def test_a_request_that_was_lost_keeps_the_text(
    terminal: Terminal, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise httpx.WriteError("reset")

    monkeypatch.setattr(reply_operation, "sync_detailed", lost)
    found = terminal("reply", ticket.number, "--text", "Seen.")
    assert found.code == 7
    assert "Your text is kept" in found.err
    assert ticket.number in terminal("work").err


def test_a_kept_text_is_offered_with_a_command_that_can_be_typed(
    terminal: Terminal, ticket: Ticket, service: Service, clock: Clock
) -> None:
    number = ticket.number
    assert terminal("reply", number, "--text", "On it.").code == 0
    service.before = lambda method, _: ("503 Unavailable", {}) if method == "POST" else None
    later = (clock.now() + timedelta(days=1)).astimezone().strftime("%Y-%m-%d %H:%M")
    commands = {
        f"resolve {number} --outcome upheld --remedy 'a new kettle'": "",
        f"reply {number} --wait": "",
        f"note {number} --mention mei": "",
        f"promise {number} --by '{later}'": f"promise {number} --by TIME",
        f"hold {number} --reason part": f"hold {number} --reason REASON",
        f"progress {number}": "",
    }
    for command, short in commands.items():
        kept = terminal(*shlex.split(command), "--text", "Words.", COLUMNS="60")
        assert f"Give it again: redress {command}\n" in kept.err
        short = short or " ".join(command.split()[:2])
        assert f"A draft is waiting: redress {short}\n" in terminal("work").err


def test_a_terminal_that_is_killed_in_the_editor_offers_the_text_again(
    terminal: Terminal, ticket: Ticket, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        typing(patch, "Half a sentence", killed)
        assert terminal("reply", ticket.number).code == 130
    again = terminal("reply", ticket.number, EDITOR=terminal.editor("text += ' more.'"))
    assert again.code == 0
    assert "Half a sentence" in again.err
    assert stores.tickets.history(ticket.number)[-1].data["text"] == "Half a sentence\n more."


# ------------------------------------------------------------------ a busy service


def test_a_busy_service_is_asked_again_after_the_time_that_it_names(
    terminal: Terminal, service: Service
) -> None:
    busy = [("429 Too Many Requests", {"Retry-After": "7"}), ("503 Unavailable", {})]
    service.before = lambda *_: busy.pop(0) if busy else None
    found = terminal("whoami")
    assert found.code == 0
    assert "The service is busy; trying again in 7 s." in found.err


def test_a_change_is_not_repeated_if_it_may_have_been_made(
    terminal: Terminal, ticket: Ticket, service: Service
) -> None:
    service.before = lambda method, _: ("503 Unavailable", {}) if method == "POST" else None
    service.calls.clear()
    found = terminal("note", ticket.number, "--text", "Seen.")
    assert (found.code, "Your text is kept" in found.err) == (7, True)
    assert service.calls.count(f"POST /staff/tickets/{ticket.number}/notes") == 1


def test_without_a_connection_the_address_is_named(terminal: Terminal) -> None:
    terminal("setup", "--api", "http://127.0.0.1:9/v1")
    found = terminal("work")
    assert (found.code, "No connection to http://127.0.0.1:9/v1" in found.err) == (7, True)


# ------------------------------------------------------------------ files


def test_files_are_sent_with_a_reply(
    terminal: Terminal, ticket: Ticket, stores: Stores, tmp_path: Path
) -> None:
    create_bucket()
    guide, picture = tmp_path / "手册.pdf", tmp_path / "cup.jpg"
    guide.write_bytes(samples.PDF)
    picture.write_bytes(b"\xff\xd8\xff" + bytes(200))
    both = ("--file", str(guide), "--file", str(picture))
    assert terminal("reply", ticket.number, "--text", "See both.", *both).code == 0
    named = [file["name"] for file in stores.tickets.history(ticket.number)[-1].data["files"]]
    assert named == ["手册.pdf", "cup.jpg"]


IN_A_PROCESS = """
import sys
from redress_cli import uploads
from redress_cli.app import main
bucket, sent = sys.argv.pop(1), uploads.post
uploads.post = lambda url, *rest: sent(bucket, *rest)
main()
"""
"""`redress` with another address of the bucket, the first argument."""


def test_a_terminal_that_is_killed_during_an_upload_leaves_nothing_half_done(
    terminal: Terminal, service: Service, ticket: Ticket, stores: Stores, tmp_path: Path
) -> None:
    create_bucket()
    path = tmp_path / "guide.pdf"
    path.write_bytes(samples.PDF)
    command = ["reply", ticket.number, "--text", "See it.", "--file", str(path)]
    bucket = terminal.address.removesuffix("/v1") + "/bucket"
    paths = os.pathsep.join((str(ROOT / "client"), str(tools.terminal())))
    settings = {"REDRESS_CONFIG": str(terminal.folder), "REDRESS_TOKEN": "token-of-mei"}
    ended = threading.Event()

    def kill() -> None:
        process.kill()
        process.wait()
        ended.set()

    service.uploading = kill
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_PROCESS, bucket, *command],
        env=os.environ | settings | {"PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
    )
    assert ended.wait(60)
    assert stores.tickets.get(ticket.number).version == ticket.version
    assert ticket.number in terminal("drafts").out

    service.uploading = lambda: None
    assert terminal(*command).code == 0
    [file] = stores.tickets.history(ticket.number)[-1].data["files"]
    assert file["name"] == "guide.pdf"
    assert terminal("drafts").out == "No draft is waiting.\n"


def test_everything_wrong_with_files_is_named_before_anything_is_sent(
    terminal: Terminal, ticket: Ticket, stores: Stores, tmp_path: Path
) -> None:
    create_bucket()
    empty = tmp_path / "empty.pdf"
    empty.touch()
    files = ("--file", str(tmp_path / "missing.pdf"), "--file", str(empty))
    found = terminal("reply", ticket.number, "--text", "See both.", *files)
    assert found.code == 6
    assert "missing.pdf: No such file" in found.err
    assert "empty.pdf: it is empty" in found.err
    assert stores.tickets.get(ticket.number).version == ticket.version


def test_files_are_saved_under_names_that_are_no_paths(
    terminal: Terminal, ticket: Ticket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_bucket()
    path = tmp_path / "guide.pdf"
    path.write_bytes(samples.PDF)
    assert terminal("note", ticket.number, "--text", "Here.", "--file", str(path)).code == 0
    listed = terminal("files", ticket.number, "--json").json["files"]
    refer(ticket.number, listed[0]["id"])
    judge(ticket.number, listed[0]["id"])
    saved = downloads.save
    bucket = terminal.address.removesuffix("/v1") + "/bucket"
    monkeypatch.setattr(downloads, "save", lambda url, *rest: saved(bucket, *rest))
    for name in ("guide.pdf", "guide (2).pdf"):
        assert terminal("files", ticket.number, "--save", str(tmp_path)).code == 0
        assert (tmp_path / name).read_bytes() == samples.PDF
    names = {"../../.bashrc": "_.._.bashrc", "C:\\a|b": "C__a_b", "nul.txt": "_nul.txt", "": "_"}
    assert {name: downloads.plain(name) for name in names} == names


def test_customer_gets_a_promise_and_the_ticket_waits_for_a_part(
    terminal: Terminal, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    later = (clock.now() + timedelta(days=1)).astimezone().strftime("%Y-%m-%d %H:%M")
    number = ticket.number
    assert terminal("reply", number, "--text", "On it.").code == 0
    assert terminal("promise", number, "--by", later, "--text", "Tomorrow you hear more.").code == 0
    assert terminal("progress", number, "--text", "The workshop has it.").code == 0
    held = terminal("hold", number, "--reason", "part", "--text", "A seal is on its way.")
    assert held.code == 0, held.err
    assert "on hold: part" in terminal("show", number).out
    assert terminal("release", number).code == 0
    found = [event.type.value for event in stores.tickets.history(number)[-4:]]
    assert found == ["promised", "progress_told", "held", "released"]


# ------------------------------------------------------------------ macros


def test_macro_is_tried_shown_in_the_customers_language_and_then_done(
    terminal: Terminal, ticket: Ticket, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ticket.number
    assert "ask_for_photo" in terminal("macro").out
    tried = terminal("macro", number, "ask_for_photo", "--dry-run").out
    assert "照片" in tried
    monkeypatch.setattr(screen, "interactive", lambda: True)
    monkeypatch.setattr(screen, "ask", lambda *_: "q")
    assert terminal("macro", number, "ask_for_photo").code == 6
    assert stores.tickets.get(number).version == ticket.version
    monkeypatch.setattr(screen, "ask", lambda *_: "d")
    done = terminal("macro", number, "ask_for_photo")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"{number} is waiting.")
    assert stores.tickets.get(number).tags == ("photo",)


def test_macro_that_is_refused_names_each_act_and_does_nothing(
    terminal: Terminal, ticket: Ticket, act: Act, stores: Stores
) -> None:
    act(ticket, by_customer.withdraw, "")
    version = stores.tickets.get(ticket.number).version
    found = terminal("macro", ticket.number, "ask_for_photo")
    assert (found.code, "acts, entry 1: " in found.err) == (5, True)
    assert stores.tickets.get(ticket.number).version == version


# ------------------------------------------------------------------ templates, mentions


def test_template_is_filled_in_the_customers_language_and_can_be_completed(
    terminal: Terminal, ticket: Ticket, stores: Stores
) -> None:
    number = ticket.number
    assert "关于" in terminal("templates", number).out
    assert "Dear {customer}" in terminal("templates").out
    assert terminal("scripts", number).out.splitlines()[0] == "greeting"

    missing = terminal("reply", number, "--template", "ask_details", "--yes")
    assert (missing.code, "details" in missing.err) == (6, True)
    unknown = terminal("reply", number, "--template", "ask_details", "--value", "detail=x")
    assert (unknown.code, "No template has detail." in unknown.err) == (2, True)
    assert stores.tickets.get(number).version == ticket.version

    photo = ("--value", "details=请发照片。")
    edits = terminal.editor("assert '请发照片。' in text\ntext += '谢谢。'")
    sent = terminal("reply", number, "--template", "ask_details", *photo, EDITOR=edits)
    assert sent.code == 0, sent.err
    text = stores.tickets.history(number)[-1].data["text"]
    assert "请发照片。" in text
    assert text.endswith("谢谢。")


def test_a_template_that_nobody_changed_is_sent_although_the_subject_has_a_refused_word(
    terminal: Terminal, open_ticket: Opener, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = open_ticket(agent="a-mei", subject="客服骂我蠢货").number
    given = (number, "--template", "ask_details", "--value", "details=请发照片。")
    changed = terminal("progress", *given, EDITOR=terminal.editor("text += '蠢货'"))
    assert (changed.code, "text: " in changed.err) == (6, True)
    (terminal.folder / "drafts" / f"default.{number}.tell_progress.txt").unlink()

    monkeypatch.setattr(screen, "interactive", lambda: True)
    monkeypatch.setattr(screen, "ask", lambda *_: "s")
    for command in ("progress", "reply"):
        sent = terminal(command, *given, EDITOR=terminal.editor("pass"))
        assert (sent.code, "Word list" in sent.err) == (0, False), sent.err
        assert "客服骂我蠢货" in stores.tickets.history(number)[-1].data["text"]


def test_words_of_the_plans_lists_are_shown_before_and_after_a_reply(
    terminal: Terminal, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned = terminal("reply", ticket.number, "--text", "我们尽快处理。")
    assert (warned.code, "尽快" in warned.err) == (0, True)
    monkeypatch.setattr(screen, "interactive", lambda: True)
    monkeypatch.setattr(screen, "ask", lambda *_: "k")
    kept = terminal("reply", ticket.number, "--text", "我们尽快处理。")
    assert (kept.code, "Word list: 尽快" in kept.err) == (6, True)


def test_colleague_who_is_mentioned_finds_the_ticket(terminal: Terminal, ticket: Ticket) -> None:
    assert terminal("whoami", by="jun").code == 0
    asked = terminal("note", ticket.number, "--text", "Do you know it?", "--mention", "jun")
    assert asked.code == 0, asked.err
    assert ticket.number in terminal("mentions", by="jun").out


def test_bulk_reports_what_was_refused_and_does_the_rest(
    terminal: Terminal, ticket: Ticket, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    gone = open_ticket(agent="a-mei")
    page = terminal("work", "--json").out
    act(gone, by_customer.withdraw, "")
    tag = ("--act", "set_tags", "--content", '{"add": ["recall"]}')
    found = terminal("bulk", "--from", "-", *tag, input=page)
    assert found.code == 8
    assert found.err.startswith("1 of 2 tickets were changed.\n")
    assert f"{gone.number}: " in found.err
    assert stores.tickets.get(ticket.number).tags == ("recall",)

    assert terminal("bulk", ticket.number).code == 2
    done = terminal("bulk", ticket.number, "--macro", "ask_for_photo")
    assert (done.code, done.out) == (0, "1 of 1 tickets were changed.\n"), done.err
    wrong = terminal("bulk", ticket.number, "--act", "set_tags", "--content", "{}")
    assert wrong.code == 6


def test_facts_of_a_ticket_are_shown_and_set(
    terminal: Terminal, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    number = ticket.number
    assert terminal("tag", number, "--add", "kettle", "--add", "leak").out.endswith(
        "kettle, leak\n"
    )
    assert terminal("tag", number, "--remove", "leak").out == f"{number}: kettle\n"
    assert "first response" in terminal("why", number).out
    assert "计时时段" in terminal("why", number, "--language", "zh-CN").out
    assert terminal("fields", number).code == 0
    unknown = terminal("fields", number, "no_such=1", "other=2")
    assert unknown.code == 6
    assert "fields, no such: " in unknown.err
    assert "fields, other: " in unknown.err
    reasons = ("--outcome", "upheld", "--remedy", "replacement", "--root-cause", "seal")
    assert terminal("resolve", number, "--text", "New kettle.", *reasons).code == 0
    called = terminal("callback", number, "--outcome", "confirmed", by="lin")
    assert (called.code, stores.tickets.get(number).state.value) == (0, "confirmed"), called.err


# ------------------------------------------------------------------ merging and splitting


def test_ticket_is_merged_into_another_one_and_goes_on_again(
    terminal: Terminal, ticket: Ticket, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    know_both()
    other = open_ticket(agent="a-mei")
    for one in (ticket, other):
        act(one, match, LI_NA, "email")
    number, into = ticket.number, other.number
    merged = terminal("merge", number.lower(), into.lower(), "--reason", "One kettle.")
    assert (merged.code, merged.out) == (0, f"{number} is merged into {into}.\n"), merged.err
    assert f"mei: merged {into}: One kettle." in terminal("show", number).out
    again = terminal("merge", number, into, "--reason", "One kettle.")
    assert (again.code, "You can: " in again.err) == (5, True), again.err

    apart = terminal("unmerge", number, "--reason", "Two kettles.")
    assert (apart.code, apart.out) == (0, f"{number} goes on by itself. It is new.\n"), apart.err
    assert stores.tickets.get(number).merged is None
    assert f"mei: unmerged {into}: Two kettles." in terminal("show", number).out


def test_merge_of_tickets_of_two_customers_names_the_reason(
    terminal: Terminal, ticket: Ticket, open_ticket: Opener, act: Act
) -> None:
    know_both()
    other = act(open_ticket(agent="a-mei"), match, WANG_WEI, "email")
    act(ticket, match, LI_NA, "email")
    refused = terminal("merge", ticket.number, other.number, "--reason", "One kettle.")
    assert (refused.code, "into: the tickets are of different customers" in refused.err) == (
        5,
        True,
    ), refused.err


def test_messages_are_listed_split_off_and_put_back(
    terminal: Terminal, ticket: Ticket, act: Act, stores: Stores
) -> None:
    number = ticket.number
    act(ticket, by_staff.reply, MEI, "On it.", False)
    wrote = act(ticket, by_customer.write, "My invoice is wrong, too.").version
    listed = terminal("split", number).out
    [line] = [line for line in listed.splitlines() if "invoice" in line]
    assert line.split()[0] == str(wrote)
    assert "On it." not in listed, "it is no message of the customer"
    asked = ("split", number, "--message", str(wrote), "--subject", "The invoice")
    missing = terminal(*asked)
    assert (missing.code, "Give --reason" in missing.err) == (2, True)
    done = terminal(*asked, "--reason", "Another matter.", "--category", "payment/invoice")
    assert done.code == 0, done.err
    [new] = re.findall(r"R-\w{5}-\w{5}", done.out.partition(",")[0])
    assert done.out == f"{new} is a ticket of its own, split off {number}.\n"
    assert "Nobody tells" not in done.err, "the author has an address"
    found = stores.tickets.get(new)
    assert (found.kind, found.category) == (ticket.kind, "payment/invoice")
    assert (found.subject, found.contact.name) == ("The invoice", "Li Na")
    [line] = [line for line in terminal("split", number).out.splitlines() if "invoice" in line]
    assert new in line

    back = terminal("unsplit", number, new.lower(), "--reason", "One matter after all.")
    assert back.out == f"The messages of {new} belong to {number} again.\n", back.err
    assert stores.tickets.get(new).closure == "split_undone"


def test_dispute_is_listed_to_be_split_off_only_if_the_customer_said_it(
    terminal: Terminal, ticket: Ticket, act: Act
) -> None:
    """What staff wrote of a call was offered, and refused by the service."""
    number, was = ticket.number, ticket
    for by, words in ((CUSTOMER, "The lid leaks."), (MEI, "Says on the phone: the cord is torn.")):
        was = act(was, by_staff.resolve, MEI, "New one.", "upheld", "replacement", "seal")
        was = act(was, by_customer.dispute, by, words)
    listed = terminal("split", number).out
    assert "The lid leaks." in listed
    assert "the cord is torn" not in listed


def test_words_of_a_merged_ticket_are_listed_and_split_off_the_other_one(
    terminal: Terminal, ticket: Ticket, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    target = open_ticket(agent="a-mei")
    merge(stores, ticket.number, target.number, LI_NA)
    act(stores.tickets.get(target.number), by_staff.reply, MEI, "On it.", False)
    both = ("split", target.number, "--merged", ticket.number.lower())
    [line] = [line for line in terminal(*both).out.splitlines() if line.split()[:1] == ["1"]]
    assert "leaks" in line, "it is the message of the merged ticket"
    about = ("--subject", "The other kettle", "--reason", "Another one.")
    done = terminal(*both, "--message", "1", *about)
    assert done.code == 0, done.err
    [new] = re.findall(r"R-\w{5}-\w{5}", done.out.partition(",")[0])
    assert new in terminal(*both).out


def test_author_without_an_address_is_told_of_a_split_by_who_makes_it(
    terminal: Terminal, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket(agent="a-mei", contact=BY_PHONE)
    wrote = act(ticket, by_customer.write, "My invoice is wrong, too.").version
    about = ("--subject", "The invoice", "--reason", "Another matter.")
    done = terminal("split", ticket.number, "--message", str(wrote), *about)
    assert (done.code, "Tell them that R-" in done.err) == (0, True), done.err


# ------------------------------------------------------------------ calls, colleagues


def test_caller_is_told_number_and_times_in_their_language(
    terminal: Terminal, stores: Stores, service: Service
) -> None:
    call = ["open", "--subject", "水壶漏水", "--text", "第二天漏水。", "--name", "李娜"]
    call += ["--kind", "complaint", "--phone", "138 0013 8000"]
    refused = terminal(*call)
    assert (refused.code, "--consent" in refused.err) == (6, True)
    assert terminal("open", "--consent").err.count("Give --") == 4

    service.before = lambda method, _: ("503 Unavailable", {"Retry-After": "99"})
    assert terminal(*call, "--consent").code == 7
    service.before = lambda *_: None
    opened = terminal(*call, "--consent")
    assert opened.code == 0, opened.err
    [number] = re.findall(r"R-\w{5}-\w{5}", opened.out)
    assert "编号是" in opened.out
    assert "your words are the acknowledgement" in opened.err
    assert stores.tickets.get(number).assignee == "a-mei"


def test_colleagues_see_who_writes_and_are_named_to_each_other(
    terminal: Terminal, ticket: Ticket, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def edit(draft: Draft) -> None:
        seen.append(terminal("show", ticket.number, by="lin").out)
        draft.path.write_text(draft.path.read_text() + "On it.")

    monkeypatch.setattr(Draft, "edit", edit)
    assert terminal("reply", ticket.number).code == 0
    assert "mei is writing here" in seen[0]
    assert "mei is writing" not in terminal("show", ticket.number, by="lin").out


# ------------------------------------------------------------------ import


HEADER = "email,name,role,team,languages,capacity\n"


def test_members_are_imported_and_a_repeat_changes_nothing(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "members.csv"
    file.write_text(
        "\ufeff" + HEADER + 'ada@example.com,"Wong, Ada",agent,complaints,en;zh-CN,5\n\n'
        "bo@example.com,Bo,agent,complaints,en,3\n"
    )
    assert terminal("import", str(file), "--check", by="lin").out == "2 members can be imported.\n"
    done = terminal("import", str(file), by="lin")
    assert (done.code, done.out) == (0, "2 members are imported.\n"), done.err
    lines = [
        json.loads(x)
        for x in terminal("import", str(file), "--json", by="lin").out.split("\n")
        if x
    ]
    assert [one["line"] for one in lines] == [2, 4]
    assert lines[0]["answer"]["name"] == "Wong, Ada"


def test_all_faults_of_a_file_are_named_with_their_lines_and_nothing_is_sent(
    terminal: Terminal, service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "members.csv"
    file.write_text(
        HEADER + "ada@example.com,Ada,boss,complaints,en,5\n"
        "not an address,,agent,complaints,tlh,500\n"
        "ADA@example.com,Ada,agent,complaints,en,5\n"
        "too,few\n"
    )
    service.calls.clear()
    found = terminal("import", str(file), by="lin")
    assert found.code == 6
    for words in (
        "line 2: role: 'boss'",
        "line 3: email: ",
        "line 3: name: ",
        "line 3: languages: 'tlh'",
        "line 3: capacity: '500'",
        "line 4: ada@example.com is also on line 2",
        "line 5: 2 cells",
    ):
        assert words in found.err
    assert service.calls == []


def test_tickets_are_imported_and_a_repeat_opens_none(
    terminal: Terminal, stores: Stores, tmp_path: Path
) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(
        "subject,description,name,phone,language,channel,kind,consent\n"
        "水壶漏水,第二天漏水。,李娜,138 0013 8000,zh-CN,phone,complaint,yes\n"
    )
    first = terminal("import", str(file), "--json", by="lin")
    assert first.code == 0, first.err
    again = terminal("import", str(file), "--json", by="lin").json["answer"]
    assert again["replayed"] is True
    assert again["number"] == first.json["answer"]["number"]
    file.write_text(file.read_text().replace("yes", "no").replace("138 0013 8000", ""))
    wrong = terminal("import", str(file), by="lin")
    assert wrong.code == 6
    assert "line 2: consent: " in wrong.err
    assert "line 2: email, phone: one of them is needed" in wrong.err


def test_lines_that_the_service_refuses_are_named_and_the_others_are_done(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "members.csv"
    file.write_text(
        HEADER + "ada@example.com,Ada,agent,service,en,5\nbo@example.com,Bo,agent,complaints,en,5\n"
    )
    found = terminal("import", str(file), by="lin")
    assert found.code == 8
    assert "1 of 2 lines were refused." in found.err
    assert "line 2, ada@example.com" in found.err


def test_import_stops_at_an_error_of_the_service_and_for_who_may_not_import(
    terminal: Terminal, service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "members.csv"
    lines = [f"new{number}@example.com,Ada,agent,complaints,en,5\n" for number in range(9)]
    file.write_text(HEADER + "".join(lines))
    service.calls.clear()
    found = terminal("import", str(file), by="mei")
    assert (found.code, len(service.calls)) == (4, 3)
    assert "line 3, new1@example.com: " in found.err
    assert "The other lines before 4 are done. Repeat the command." in found.err

    service.before = lambda *_: ("500 Error", {})
    service.calls.clear()
    found = terminal("import", str(file), by="lin")
    assert (found.code, len(service.calls)) == (1, 1)


# ------------------------------------------------------------------ JSON


def test_every_command_has_json() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    without = [
        name
        for name, command in commands.items()
        if not any("--json" in option.opts for option in command.params)
    ]
    assert without == []


def test_with_json_the_output_is_json_only(
    terminal: Terminal, ticket: Ticket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ticket.number
    assert terminal("setup", "--show", "--json").json["api"] == terminal.address
    edits = terminal.editor("text += 'Half a sentence'\nfile.write_text(text)\nsys.exit(1)")
    assert terminal("reply", number, EDITOR=edits).code == 1
    [draft] = terminal("drafts", "--json").json["items"]
    assert (draft["ticket"], draft["act"], Path(draft["file"]).exists()) == (number, "reply", True)

    sheet = tmp_path / "members.csv"
    sheet.write_text(HEADER + "ada@example.com,Ada,agent,complaints,en,5\n")
    checked = terminal("import", str(sheet), "--check", "--json", by="lin").json
    assert checked == {"lines": 1, "of": "members"}

    create_bucket()
    path = tmp_path / "guide.pdf"
    path.write_bytes(samples.PDF)
    terminal("note", number, "--text", "Here.", "--file", str(path))
    [file] = terminal("files", number, "--json").json["files"]
    refer(number, file["id"])
    judge(number, file["id"])
    saved = downloads.save
    bucket = terminal.address.removesuffix("/v1") + "/bucket"
    monkeypatch.setattr(downloads, "save", lambda url, *rest: saved(bucket, *rest))
    found = terminal("files", number, "--save", str(tmp_path), "--json")
    assert [one["name"] for one in found.json["files"]] == ["guide.pdf"]
    assert found.err == f"{tmp_path / 'guide (2).pdf'}\n"

    monkeypatch.setattr(screen, "interactive", lambda: True)
    monkeypatch.setattr(screen, "ask", lambda *_: "d")
    done = terminal("macro", number, "ask_for_photo", "--json")
    assert (done.json["ticket"]["number"], "照片" in done.err) == (number, True)


# ------------------------------------------------------------------ the screen


def test_a_text_of_a_customer_cannot_control_the_terminal(
    terminal: Terminal, ticket: Ticket, act: Act
) -> None:
    assert not set(screen.safe(HIDDEN)) & set("\x1b\x07\u202e")
    shown = terminal("show", ticket.number).out
    assert not set(shown) & set("\x1b\x07")


def test_a_command_is_quoted_as_the_shell_of_the_system_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for system, expected in (
        ("nt", '--remedy "a new kettle"'),
        ("posix", "--remedy 'a new kettle'"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, "name", system)
            assert screen.typed(["--remedy", "a new kettle"]) == expected


def test_a_quoted_editor_on_windows_is_started_without_its_quotes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    for system, path in (
        ("nt", r"C:\Program Files\Editor\editor.exe"),
        ("posix", "/opt/an editor"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv("EDITOR", f'"{path}" --wait')
            patch.setattr(os, "name", system)
            command = screen.editor()
        assert command == [path, "--wait"]


def test_a_narrow_terminal_gets_a_block_for_each_ticket(terminal: Terminal, ticket: Ticket) -> None:
    shown = terminal("work", COLUMNS="40").out
    assert shown.startswith(f"{ticket.number}\n  due: ")
    assert max(map(len, shown.splitlines())) <= 40


def test_help_of_every_command_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {"reply", "board", "import"} <= set(commands)
    for command in commands:
        found = CliRunner().invoke(app, [command, "--help"], env={"NO_COLOR": "1", "TERM": "dumb"})
        assert found.exit_code == 0, found.output
        assert max(map(len, found.output.splitlines())) <= 60
