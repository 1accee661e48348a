"""The customers' pages: the form, the status page, the questionnaire, the end of surveys."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from local.openapi.public.route import PublicRoute
from local.openapi.values import OpenAnswer

HTML = "text/html"


class SubmittedForm(OpenAnswer, kw_only=True):
    nonce: str
    language: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    subject: str
    description: str
    wished_remedy: str | UnsetType = UNSET
    order: str | UnsetType = UNSET
    about: str | UnsetType = UNSET
    name: str
    company: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    consent: str


class SubmittedAnother(OpenAnswer, kw_only=True):
    nonce: str
    language: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    subject: str
    description: str
    consent: str


class SurveyAnswers(OpenAnswer, kw_only=True):
    speed: str | UnsetType = UNSET
    solution: str | UnsetType = UNSET
    attitude: str | UnsetType = UNSET
    knowledge: str | UnsetType = UNSET
    friendliness: str | UnsetType = UNSET
    comment: str | UnsetType = UNSET
    suggestion: str | UnsetType = UNSET
    language: str | UnsetType = UNSET


class SubmittedSurvey(SurveyAnswers, kw_only=True):
    overall: str | UnsetType = UNSET
    text: str | UnsetType = UNSET


class PressedButton(SurveyAnswers, kw_only=True):
    overall: str | UnsetType = UNSET
    words: str | UnsetType = UNSET
    item: str | UnsetType = UNSET
    answer: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    sure: str | UnsetType = UNSET


class SurveysEnded(OpenAnswer, kw_only=True):
    one_click: Annotated[str, Meta(examples=["One-Click"])] | UnsetType = field(
        name="List-Unsubscribe", default=UNSET
    )
    again: str | UnsetType = UNSET
    language: str | UnsetType = UNSET


class LostLink(OpenAnswer, kw_only=True):
    email: str
    language: str | UnsetType = UNSET


class WithdrawnFile(OpenAnswer, kw_only=True):
    language: str | UnsetType = UNSET


class Document(OpenAnswer):
    pass


ROUTES = (
    PublicRoute(
        "customer",
        "form",
        "GET",
        "/",
        str,
        media=HTML,
        query=("kind", "lang"),
        refusals=(503,),
    ),
    PublicRoute(
        "customer",
        "submit_form",
        "POST",
        "/form",
        str,
        201,
        media=HTML,
        body=SubmittedForm,
        refusals=(400, 409, 413, 422, 503),
        keeps_post=True,
    ),
    PublicRoute(
        "customer",
        "status",
        "GET",
        "/t/{token}",
        str,
        media=HTML,
        query=("lang",),
        refusals=(404, 410, 503),
    ),
    PublicRoute(
        "customer",
        "receipt",
        "GET",
        "/r/{token}",
        str,
        media=HTML,
        query=("lang",),
        refusals=(404, 410, 503),
    ),
    PublicRoute(
        "customer",
        "act",
        "POST",
        "/t/{token}/{action}",
        None,
        303,
        media=HTML,
        body=PressedButton,
        body_required=False,
        refusals=(400, 404, 409, 410, 413, 422, 503),
        keeps_post=True,
    ),
    PublicRoute(
        "customer",
        "another",
        "GET",
        "/t/{token}/another",
        str,
        media=HTML,
        query=("lang",),
        refusals=(404, 409, 410, 503),
    ),
    PublicRoute(
        "customer",
        "submit_another",
        "POST",
        "/t/{token}/another",
        str,
        201,
        media=HTML,
        body=SubmittedAnother,
        refusals=(400, 404, 409, 410, 413, 422, 503),
        keeps_post=True,
    ),
    PublicRoute(
        "customer",
        "files",
        "GET",
        "/t/{token}/files",
        str,
        media=HTML,
        query=("lang", "sent", "item"),
        refusals=(404, 410, 503),
    ),
    PublicRoute(
        "customer",
        "download",
        "GET",
        "/t/{token}/files/{file}",
        None,
        303,
        media=HTML,
        query=("lang",),
        refusals=(404, 409, 410, 503),
    ),
    PublicRoute(
        "customer",
        "withdraw_on_page",
        "POST",
        "/t/{token}/files/{file}/withdrawal",
        None,
        303,
        media=HTML,
        body=WithdrawnFile,
        body_required=False,
        refusals=(400, 404, 409, 410, 413, 503),
        keeps_post=True,
    ),
    PublicRoute(
        "customer",
        "came_back",
        "GET",
        "/f/{token}",
        None,
        303,
        media=HTML,
        query=("lang",),
        refusals=(404, 410, 503),
    ),
    PublicRoute(
        "customer",
        "survey",
        "GET",
        "/s/{token}",
        str,
        media=HTML,
        query=("lang",),
        refusals=(404, 410, 503),
    ),
    PublicRoute(
        "customer",
        "answer_survey",
        "POST",
        "/s/{token}",
        str,
        media=HTML,
        body=SubmittedSurvey,
        body_required=False,
        refusals=(400, 404, 409, 410, 413, 422, 503),
        keeps_post=True,
    ),
    PublicRoute(
        "customer",
        "surveys",
        "GET",
        "/u/{token}",
        str,
        media=HTML,
        query=("lang",),
        refusals=(404, 503),
    ),
    PublicRoute(
        "customer",
        "set_surveys",
        "POST",
        "/u/{token}",
        str,
        media=HTML,
        body=SurveysEnded,
        body_required=False,
        refusals=(400, 404, 413, 503),
    ),
    PublicRoute(
        "customer",
        "lost",
        "GET",
        "/lost",
        str,
        media=HTML,
        query=("lang",),
        refusals=(503,),
    ),
    PublicRoute(
        "customer",
        "ask_on_page",
        "POST",
        "/lost",
        str,
        media=HTML,
        body=LostLink,
        refusals=(400, 413, 422, 503),
        keeps_post=True,
    ),
    PublicRoute(
        "customer",
        "asset",
        "GET",
        "/assets/{name}",
        str,
        media="text/css",
        other_media=("image/png", "text/javascript"),
        refusals=(304, 404),
    ),
    PublicRoute("customer", "document", "GET", "/openapi.json", Document, refusals=(304,)),
)
