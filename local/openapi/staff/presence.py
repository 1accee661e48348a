"""Answers about presence."""

from __future__ import annotations

from local.openapi.values import Agent, Answer, Count, Instant, Language, PresenceState


class Beat(Answer):
    presence: PresenceState
    since: Instant | None
    again_within_s: Count


class Duty(Answer):
    agent: Agent
    team: str
    languages: list[Language]
    presence: PresenceState
    since: Instant
    capacity: Count
    load: Count
