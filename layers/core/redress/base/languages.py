"""The languages of pages, mails and reports."""

from __future__ import annotations

LANGUAGES = ("zh-CN", "zh-TW", "en")
"""Simplified Chinese, traditional Chinese, English; as BCP 47 tags."""
