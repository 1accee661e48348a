"""The languages of pages, mails and reports, and those in which customers write."""

from __future__ import annotations

LANGUAGES = ("zh-CN", "zh-TW", "en")
"""Simplified Chinese, traditional Chinese, English; as BCP 47 tags."""

WRITTEN = (*LANGUAGES, "zh-HK", "ja", "ko")
"""The languages of incoming mail that a house can name in its plan. Each has its own charsets. A
short text without a charset label does not show which of them it uses."""
