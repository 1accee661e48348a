"""A custom widget of the CloudWatch dashboard: state, price of the month, story of a ticket.

CloudWatch invokes it with the permissions of the person who looks at the dashboard. Nothing else
invokes it, so it costs nothing while nobody looks. It returns HTML, or Markdown for `describe`.
"""

from __future__ import annotations

from typing import Any, Protocol

from documentation import DOCUMENTATION
from page import Page
from price import price_page
from state import state_page
from story import ask_page, story_page

from redress.base import observe
from redress.base.errors import NotFound, Unreadable
from redress.console.metrics import Unread
from redress.wiring import console as wiring

logger = observe.logger("console")


class Context(Protocol):
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Context) -> Any:
    """Answer a custom widget. `show` in its parameters is `state`, `price` or `ticket`.

    A fault is shown in the widget, with what could not be read. Otherwise the dashboard would show
    only that the function failed.
    """
    if event.get("warm"):
        wiring.costs()
        return {"warm": True}
    if event.get("describe"):
        return DOCUMENTATION
    widget = event.get("widgetContext") or {}
    page = Page(
        dark=widget.get("theme") == "dark",
        endpoint=context.invoked_function_arn,
        machine=wiring.settings().ticket_machine_arn,
        stack=wiring.settings().stack_name,
    )
    shown = event.get("show", "state")
    try:
        return _shown(shown, page, widget, context)
    except Unread as error:
        logger.error("the widget could not be shown", extra={"show": shown, "why": str(error)})
        return page.fault(f"The {shown} could not be read", str(error))
    except Exception as error:
        found = observe.fault_of(error)
        logger.error("the widget could not be shown", extra={"show": shown} | found)
        # PynamoDB does not chain its errors to those of DynamoDB.
        code = getattr(error, "cause_response_code", None)
        why = f"{found['fault']} {code}" if code else str(found["fault"])
        return page.fault(f"The {shown} could not be read from the table", why)


def _shown(shown: str, page: Page, widget: dict[str, Any], context: Context) -> str:
    match shown:
        case "state":
            return state_page(
                page, wiring.state().state(lambda: context.get_remaining_time_in_millis() / 1000)
            )
        case "price":
            return price_page(page, wiring.costs().months())
        case "ticket":
            return _ticket(
                page, str(((widget.get("forms") or {}).get("all") or {}).get("ticket", ""))
            )
    return page.fault("Nothing to show", "`show` is state, price or ticket")


def _ticket(page: Page, typed: str) -> str:
    if not typed.strip():
        return ask_page(page)
    try:
        story = wiring.tickets().story(typed)
    except NotFound as error:
        return ask_page(page, typed) + page.fault("There is no such ticket", str(error))
    except Unreadable:
        return ask_page(page, typed) + page.fault(
            "This ticket cannot be read", "docs/runbooks/unreadable-items.md says what to do"
        )
    logger.info("showed a ticket", extra={"ticket": story.number})
    return ask_page(page, story.number) + story_page(page, story)
