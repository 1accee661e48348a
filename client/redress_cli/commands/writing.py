"""Writing: reply, note, resolve. No text is ever lost (`redress_cli/drafts.py`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from redress_staff.api.tickets import draft as draft_operation
from redress_staff.api.tickets import hold as hold_operation
from redress_staff.api.tickets import list_scripts, list_templates, read_ticket, tell_progress
from redress_staff.api.tickets import note as note_operation
from redress_staff.api.tickets import promise as promise_operation
from redress_staff.api.tickets import release as release_operation
from redress_staff.api.tickets import reply as reply_operation
from redress_staff.api.tickets import resolve as resolve_operation
from redress_staff.models import (
    ActorRole,
    Event,
    Hold,
    HoldReason,
    Kind,
    Language,
    MessageToDraft,
    MessageToDraftValuesType0,
    Note,
    Outcome,
    OwnWord,
    Progress,
    Release,
    Reply,
    Resolve,
    TicketFile,
    WriterVariable,
)
from redress_staff.types import UNSET

from redress_cli import drafts, presence, screen, uploads
from redress_cli.drafts import Draft
from redress_cli.faults import CONFLICT, INPUT, USAGE, Fault, Refusal
from redress_cli.people import id_of
from redress_cli.session import Answer, Session, Unknown
from redress_cli.state import Json, Number, State, given, number_of, state_of
from redress_cli.timeline import head, last_words, show_events

EVENT = {
    "reply": "replied",
    "note": "noted",
    "tell_progress": "progress_told",
    "promise": "promised",
    "hold": "held",
    "resolve": "resolved",
}
"""The event that each act leaves in the timeline."""

VALUES = tuple(one.value for one in WriterVariable)

Said = Mapping[str, Any]
"""What a message says, as fields of its body: a text, or a template with its values."""


def add(app: typer.Typer) -> None:
    for command in (reply, note, progress, promise, hold, release, resolve):
        app.command()(command)
    app.command()(templates)
    app.command()(scripts)
    app.command("drafts")(list_drafts)


TIMES = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]

Words = Annotated[
    str | None,
    typer.Option("--text", help="The text, without the editor; `-` reads it from the input."),
]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", help="A file to send with it; several times for several files."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is sent.")]
Template = Annotated[
    str,
    typer.Option(
        help="A template of the plan, filled in the customer's language. It opens in the editor; "
        "with --yes it is sent as it is."
    ),
]
Values = Annotated[
    list[str] | None,
    typer.Option("--value", help="NAME=TEXT: what the template leaves to you; several times."),
]
Kept = Annotated[bool, typer.Option("--draft", help="Send the draft as it is.")]


@dataclass
class Letter:
    """A text for one ticket, from the editor to the API.

    `options` are those of the command that a draft does not keep. `template` fills `text_of_it`,
    which is sent as a template as long as the person does not change it.
    """

    session: Session
    profile: str
    number: str
    act: str
    send: Callable[[TicketFile, Said, list[str]], Answer]
    about: Callable[[TicketFile], list[str]]
    options: Sequence[str] = ()
    answer: Answer = field(init=False)
    draft: Draft = field(init=False)
    template: dict[str, Any] = field(init=False, default_factory=dict)
    text_of_it: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.draft = Draft.of(self.profile, self.number, self.act)
        self._read()

    def _read(self) -> None:
        self.answer = self.session.read(read_ticket, self.number)

    @property
    def file(self) -> TicketFile:
        found: TicketFile = self.answer.value
        return found

    def require_possible(self) -> None:
        """Raise Fault if the ticket does not take this act now."""
        can = [one.value for one in self.file.can]
        if self.act not in can:
            words = ", ".join(one.replace("_", " ") for one in can)
            act, is_ = self.act.replace("_", " "), self.file.state.value
            raise Fault(
                f"You cannot {act} now: {self.number} is {is_}.",
                CONFLICT,
                [f"You can: {words}" if words else "You can only read it."],
            )

    @property
    def command(self) -> str:
        name = drafts.COMMANDS.get(self.act, self.act).split()[0]
        return f"redress {screen.typed([name, self.number, *self.options])}"

    @property
    def again(self) -> str:
        return f"Your text is kept. Give it again: {self.command}"

    def said(self, text: str) -> Said:
        """What is sent: the template if the person did not change its text."""
        return self.template if text == self.text_of_it else {"text": text}

    def filled(self, name: str, values: list[str]) -> str:
        """A template of the ticket's plan with the values of the ticket, in the customer's
        language. Raises Refusal for each variable that has no value."""
        found = dict(value.split("=", 1) for value in values if "=" in value)
        if len(found) < len(values):
            raise Fault("Give a value as NAME=TEXT.", USAGE)
        if screen.interactive():
            known = self.session.read(list_templates, ticket=self.number).value.items
            for one in (one for one in known if one.name == name):
                for missing in (v.value for v in one.values if v.value not in found):
                    found[missing] = screen.ask(missing.replace("_", " ").capitalize())
        body = MessageToDraft(template=name)
        if found:
            body.values = MessageToDraftValuesType0.from_dict(found)
            if unknown := found.keys() - body.values.to_dict().keys():
                known = ", ".join(VALUES)
                hint = f"A template can leave to you: {known}."
                raise Fault(f"No template has {', '.join(sorted(unknown))}.", USAGE, [hint])
        text = str(self.session.read(draft_operation, self.number, body=body).value.text).strip()
        self.template, self.text_of_it = body.to_dict(), text
        return text

    def wording(self, text: str) -> list[str]:
        """What the plan's word lists say of a text to the customer."""
        if self.act == "note":
            return []
        try:
            found = self.session.read(
                draft_operation, self.number, body=MessageToDraft.from_dict(self.said(text))
            ).value
        except Refusal as refusal:
            if refusal.status != 422:
                raise
            return refusal.hints
        return [f"{one.word}: {one.instead}" for one in found.warnings]

    def write(self, text: str | None, kept: bool) -> str:
        """The text: given, of the draft, or from the editor."""
        old = self.draft.text() if self.draft.exists else ""
        if kept and not old:
            raise Fault(f"There is no draft for {self.number}.", USAGE)
        if text is not None:
            if old and old != text.strip():
                hints = [
                    f"Send it: {self.command} --draft",
                    f"Or remove the file: {self.draft.path}",
                ]
                when = screen.at(self.draft.saved_at)
                raise Fault(f"Another draft of {when} is waiting.", CONFLICT, hints)
            if not old:
                self._keep(text.strip())
                return text.strip()
        new = self._new_since(self.draft.version()) if old else []
        if kept or text is not None:
            if not new:
                return old
            words = f"{self.number} was changed after you wrote this."
            return self._after_conflict(old, new, Fault(words, CONFLICT))
        if old:
            if new:
                self._show(new)
            screen.tell(f"You wrote this on {screen.at(self.draft.saved_at)}, and it was not sent:")
            screen.tell(old)
            if (
                screen.interactive()
                and screen.ask("[e]dit it, or [d]elete it and begin", "e") == "d"
            ):
                old = ""
        return self.edit(old)

    def edit(self, text: str) -> str:
        self._keep(text)
        with presence.writing(self.session, self.number):
            self.draft.edit()
        found = self.draft.text()
        if not found:
            self.draft.remove()
            raise Fault("Nothing was sent: the text is empty.", INPUT)
        return found

    def _keep(self, text: str) -> None:
        self.draft.write(self.file.version, [*self.about(self.file), *last_words(self.file)], text)

    def confirm(self, text: str, files: Sequence[Path]) -> str:
        """Show what is sent, and let the person change it. Returns the text."""
        while True:
            for line in self.about(self.file):
                screen.tell(line)
            screen.tell(f"\n{text}\n")
            for path in files:
                screen.tell(f"File: {path.name}")
            for words in self.wording(text):
                screen.tell(f"Word list: {words}")
            wish = screen.ask("[s]end, [e]dit, or [k]eep it as a draft", "s")
            if wish == "s":
                return text
            if wish == "e":
                text = self.edit(text)
            else:
                raise Fault("Nothing was sent.", INPUT, [self.again])

    def sent_before(self) -> bool:
        """Whether the ticket has the text of the draft since the draft was written. The draft is
        removed then: a terminal was killed, or an answer lost, after the text was taken."""
        if not (self.draft.exists and self._has(self.draft.text(), self.draft.version())):
            return False
        self.draft.remove()
        screen.tell("The draft that was kept here was sent: the ticket has its text.")
        return True

    def deliver(self, text: str, ids: list[str]) -> Answer:
        """Send it. Returns the ticket as it was read if the answer was lost, but it was done."""
        while True:
            try:
                found = self.send(self.file, self.said(text), ids)
            except Refusal as refusal:
                if refusal.name != "version-conflict":
                    refusal.hints.append(self.again)
                    raise
                seen = self.file.version
                self._read()
                text = self._after_conflict(text, self._new_since(seen), refusal)
                continue
            except Unknown as lost:
                if self._was_done(text):
                    self.draft.remove()
                    screen.tell("It was done, although the answer was lost.")
                    return self.answer
                lost.hints = [f"Look first: redress show {self.number}", self.again]
                raise
            except Fault as fault:
                fault.hints.append(self.again)
                raise
            self.draft.remove()
            return found

    def _after_conflict(self, text: str, new: list[Event], fault: Fault) -> str:
        """The text to send after a person has changed the ticket: what is new is shown.

        Raises `fault` if nobody can be asked. Then the draft has the new version, so the person can
        send it.
        """
        self._keep(text)
        self._show(new)
        if not screen.interactive():
            fault.hints = [self.again, f"Or send it as it is: {self.command} --draft"]
            raise fault
        wish = screen.ask("[s]end your text, [e]dit it, or [k]eep it as a draft", "e")
        if wish == "s":
            return text
        if wish == "e":
            return self.edit(text)
        raise Fault("Nothing was sent.", CONFLICT, [self.again])

    def _show(self, new: list[Event]) -> None:
        screen.tell(f"{self.number} was changed while you wrote:")
        show_events(self.file, new, screen.tell)

    def _new_since(self, version: int) -> list[Event]:
        """What an agent must see before they write: not notes, nor events of the system, such as a
        reminder. The API has the same rule. It asks nobody who writes a note to have seen more."""
        nobody = (ActorRole.SYSTEM, ActorRole.MACHINE)
        return [
            event
            for event in self.file.timeline
            if event.number > version
            and event.by.role not in nobody
            and "noted" not in (event.type_.value, EVENT[self.act])
        ]

    def _was_done(self, text: str) -> bool:
        """Whether the ticket has this text since it was read. It is read again."""
        seen = self.file.version
        try:
            self._read()
        except Fault:
            return False
        return self._has(text, seen)

    def _has(self, text: str, since: int) -> bool:
        return any(
            event.number > since
            and event.type_.value == EVENT[self.act]
            and str(event.data.to_dict().get("text", "")).split() == text.split()
            for event in self.file.timeline
        )


def _written(
    ctx: typer.Context,
    number: str,
    act: str,
    send: Callable[[TicketFile, Said, list[str]], Answer],
    about: Callable[[TicketFile], list[str]],
    *,
    text: str | None,
    kept: bool,
    paths: list[Path] | None,
    yes: bool,
    template: str = "",
    values: list[str] | None = None,
    options: Sequence[tuple[str, object]] = (),
) -> None:
    """Write and send a text. `options` are other options of the command, with their values; True is
    a flag."""
    state = state_of(ctx)
    if template and (text is not None or kept):
        raise Fault("Give a text, a draft or a template, not two of them.", USAGE)
    if text == "-":
        text = sys.stdin.read()
    repeated = [
        part
        for name, value in (*options, *(("--file", path) for path in paths or ()))
        if value
        for part in ((name,) if value is True else (name, str(value)))
    ]
    letter = Letter(state.session, state.profile, number_of(number), act, send, about, repeated)
    waiting = letter.draft.text() if letter.draft.exists else ""
    if letter.sent_before() and not template and (text is None or text.strip() == waiting):
        _tell(state, letter.answer, asked=True)
        return
    letter.require_possible()
    files = uploads.checked(state.session, letter.number, paths or [])
    if template:
        filled = letter.filled(template, values or [])
        words = letter.write(filled, kept=False)
        if not yes:
            words = letter.edit(words)
    else:
        words = letter.write(text, kept)
    asked = not yes and screen.interactive()
    if asked:
        words = letter.confirm(words, [path for path, _ in files])
    try:
        ids = uploads.send(state.session, letter.number, files)
    except Fault as fault:
        fault.hints.append(letter.again)
        raise
    _tell(state, letter.deliver(words, ids), asked=asked)


def _tell(state: State, found: Answer, *, asked: bool) -> None:
    """Say how the ticket is now. `asked` is whether the person has seen the warnings before."""
    if not state.shown(found):
        ticket = found.value
        screen.say(f"{ticket.number} is {ticket.state.value}.")
        for one in () if asked else ticket.warnings or ():
            screen.tell(f"A word of the list {one.list_}: {one.word}. {one.instead or ''}".rstrip())


def reply(
    ctx: typer.Context,
    number: Number,
    text: Words = None,
    template: Template = "",
    value: Values = None,
    file: Files = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="You now wait for the customer: clocks pause.")
    ] = False,
    draft: Kept = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Write to the customer, in your editor or with --text."""
    session = state_of(ctx).session

    def send(ticket: TicketFile, said: Said, files: list[str]) -> Answer:
        body = Reply.from_dict({"version": ticket.version, **said})
        body.files = files or UNSET
        if wait:
            body.wait_for_customer = True
        return session.change(reply_operation, ticket.number, body=body)

    about = _for_customer("Your reply")
    _written(
        ctx,
        number,
        "reply",
        send,
        about,
        text=text,
        kept=draft,
        paths=file,
        yes=yes,
        template=template,
        values=value,
        options=[("--wait", wait)],
    )


def note(
    ctx: typer.Context,
    number: Number,
    text: Words = None,
    file: Files = None,
    mention: Annotated[
        list[str] | None,
        typer.Option(help="A colleague whom you ask for a word: name, address or id."),
    ] = None,
    draft: Kept = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Write a note for colleagues. The customer does not see it."""
    session = state_of(ctx).session

    mentions = [id_of(session, who) for who in mention or ()]

    def send(ticket: TicketFile, said: Said, files: list[str]) -> Answer:
        body = Note(text=said["text"], files=files or UNSET, mentions=mentions or UNSET)
        return session.change(note_operation, ticket.number, body=body)

    def about(ticket: TicketFile) -> list[str]:
        return ["Your note. Only colleagues read it.", *head(ticket)]

    _written(
        ctx,
        number,
        "note",
        send,
        about,
        text=text,
        kept=draft,
        paths=file,
        yes=yes,
        options=[("--mention", who) for who in mention or ()],
    )


def progress(
    ctx: typer.Context,
    number: Number,
    text: Words = None,
    template: Template = "",
    value: Values = None,
    draft: Kept = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Tell the customer how far it is, without an answer yet."""
    session = state_of(ctx).session

    def send(ticket: TicketFile, said: Said, files: list[str]) -> Answer:
        body = Progress.from_dict({"version": ticket.version, **said})
        return session.change(tell_progress, ticket.number, body=body)

    about = _for_customer("How far it is")
    _written(
        ctx,
        number,
        "tell_progress",
        send,
        about,
        text=text,
        kept=draft,
        paths=[],
        yes=yes,
        template=template,
        values=value,
    )


def promise(
    ctx: typer.Context,
    number: Number,
    by: Annotated[
        datetime, typer.Option(formats=TIMES, help="When they hear from you, in your time zone.")
    ],
    text: Words = None,
    draft: Kept = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Promise the customer an answer by a time. It is a promise like those of the plan."""
    session = state_of(ctx).session

    def send(ticket: TicketFile, said: Said, files: list[str]) -> Answer:
        body = OwnWord(version=ticket.version, by=by.astimezone(UTC), text=said["text"])
        return session.change(promise_operation, ticket.number, body=body)

    about = _for_customer(f"Your promise by {by:%d %b %H:%M}")
    _written(
        ctx,
        number,
        "promise",
        send,
        about,
        text=text,
        kept=draft,
        paths=[],
        yes=yes,
        options=[("--by", f"{by:%Y-%m-%d %H:%M}")],
    )


def hold(
    ctx: typer.Context,
    number: Number,
    reason: Annotated[HoldReason, typer.Option(help="What it waits for.")],
    text: Words = None,
    draft: Kept = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put the ticket on hold, and tell the customer why."""
    session = state_of(ctx).session

    def send(ticket: TicketFile, said: Said, files: list[str]) -> Answer:
        body = Hold(version=ticket.version, reason=reason, text=said["text"])
        return session.change(hold_operation, ticket.number, body=body)

    about = _for_customer("Why it waits")
    _written(
        ctx,
        number,
        "hold",
        send,
        about,
        text=text,
        kept=draft,
        paths=[],
        yes=yes,
        options=[("--reason", reason.value)],
    )


def release(ctx: typer.Context, number: Number, json: Json = False) -> None:
    """End the hold."""
    state = state_of(ctx)
    ticket = state.session.read(read_ticket, number_of(number)).value
    body = Release(version=ticket.version)
    found = state.session.change(release_operation, ticket.number, body=body)
    if not state.shown(found):
        screen.say(f"{ticket.number} is {found.value.state.value}.")


def _for_customer(what: str) -> Callable[[TicketFile], list[str]]:
    return lambda ticket: [f"{what}. The customer reads it.", *head(ticket)]


def resolve(
    ctx: typer.Context,
    number: Number,
    text: Words = None,
    template: Template = "",
    value: Values = None,
    outcome: Annotated[
        Outcome | None, typer.Option(help="Of a complaint: upheld, partly_upheld, not_upheld.")
    ] = None,
    remedy: Annotated[str, typer.Option(help="What the customer gets.")] = "",
    root_cause: Annotated[str, typer.Option(help="What caused it.")] = "",
    cause: Annotated[
        str,
        typer.Option(help="What the customer reads as the cause: a name in `causes` of the plan."),
    ] = "",
    file: Files = None,
    draft: Kept = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Say that it is solved, and what was done. The customer reads the text."""
    session = state_of(ctx).session
    facts: dict[str, Any] = {"outcome": outcome, "remedy": remedy, "root_cause": root_cause}

    def send(ticket: TicketFile, said: Said, files: list[str]) -> Answer:
        if ticket.kind is Kind.COMPLAINT and screen.interactive():
            _ask_facts(facts)
        body = Resolve.from_dict({"version": ticket.version, **said})
        body.outcome = facts["outcome"] or UNSET
        body.remedy = given(facts["remedy"])
        body.root_cause = given(facts["root_cause"])
        body.cause = given(cause)
        body.files = files or UNSET
        return session.change(resolve_operation, ticket.number, body=body)

    about = _for_customer("What was done")
    _written(
        ctx,
        number,
        "resolve",
        send,
        about,
        text=text,
        kept=draft,
        paths=file,
        yes=yes,
        template=template,
        values=value,
        options=[
            ("--outcome", outcome and outcome.value),
            ("--remedy", remedy),
            ("--root-cause", root_cause),
            ("--cause", cause),
        ],
    )


def _ask_facts(facts: dict[str, Any]) -> None:
    """Ask for what a complaint needs and the options did not give."""
    while facts["outcome"] is None:
        typed = screen.ask("Outcome (upheld, partly_upheld, not_upheld)")
        if typed in [one.value for one in Outcome]:
            facts["outcome"] = Outcome(typed)
    for name, what in (("remedy", "Remedy"), ("root_cause", "Root cause")):
        facts[name] = facts[name] or screen.ask(what)


Of = Annotated[
    str, typer.Argument(metavar="[NUMBER]", help="A ticket: its plan, and its customer's language.")
]
In = Annotated[Language | None, typer.Option(help="zh-CN, zh-TW or en.")]


def templates(ctx: typer.Context, number: Of = "", language: In = None, json: Json = False) -> None:
    """List the reply templates, in the language of the customer."""
    state = state_of(ctx)
    chosen = language or Language.EN
    if number:
        number = number_of(number)
        chosen = language or state.session.read(read_ticket, number).value.language
    found = state.session.read(list_templates, ticket=given(number))
    if state.shown(found):
        return
    rows = [
        (one.name, ", ".join(v.value for v in one.values), one.texts.to_dict()[chosen.value])
        for one in found.value.items
    ]
    screen.table(("template", "you give", "text"), rows, "There is no template.", widest=2)


def scripts(ctx: typer.Context, number: Of = "", language: In = None, json: Json = False) -> None:
    """Show what to say on the telephone, in the language of the customer."""
    state = state_of(ctx)
    found = state.session.read(
        list_scripts, language=language or UNSET, ticket=given(number_of(number))
    )
    if state.shown(found):
        return
    for one in found.value.items:
        screen.say(one.name, "bold")
        screen.say(f"{one.text}\n")


def list_drafts(ctx: typer.Context, json: Json = False) -> None:
    """List texts that were not sent."""
    state = state_of(ctx)
    found = drafts.waiting(state.profile)
    if state.json:
        items = [
            {
                "ticket": number,
                "act": act,
                "written": Draft(path).saved_at.isoformat(),
                "file": str(path),
            }
            for number, act, path in found
        ]
        screen.data({"items": items})
        return
    rows = [
        (number, act.replace("_", " "), screen.at(Draft(path).saved_at), path)
        for number, act, path in found
    ]
    screen.table(("ticket", "act", "written", "file"), rows, "No draft is waiting.", widest=3)
